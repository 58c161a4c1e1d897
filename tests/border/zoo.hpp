// What the tests of the border share: a folder of their own, copies of plugins in it, and a host.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "core/registry/registry.hpp"
#include "grid/sdk/testkit/loop_host.hpp"

namespace grid {

// Removed with its content when it goes.
class TempFolder {
 public:
  TempFolder() {
    std::string name = (std::filesystem::temp_directory_path() / "grid-border-XXXXXX").string();
    if (::mkdtemp(name.data()) != nullptr) path_ = name;
  }
  ~TempFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TempFolder(const TempFolder&) = delete;
  TempFolder& operator=(const TempFolder&) = delete;
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

inline std::filesystem::path zoo_folder(const std::string& name) {
  return std::filesystem::path(GRID_ZOO) / name;
}

inline void set_mode(const std::filesystem::path& path, mode_t mode) {
  ASSERT_EQ(::chmod(path.c_str(), mode), 0);
}

class BorderTest : public ::testing::Test {
 protected:
  // A folder in the temporary one, made with mode 0755.
  std::filesystem::path folder(const std::string& name) {
    const std::filesystem::path path = temp_.path() / name;
    std::filesystem::create_directories(path);
    set_mode(path, 0755);
    return path;
  }
  // A copy of plugin `file` of the zoo's `from` in `to`, with mode 0644.
  static std::filesystem::path copy(const std::string& from, const std::string& file,
                                    const std::filesystem::path& to) {
    const std::filesystem::path path = to / file;
    std::filesystem::copy_file(zoo_folder(from) / file, path);
    set_mode(path, 0644);
    return path;
  }
  std::shared_ptr<Registry> registry(std::vector<std::filesystem::path> folders,
                                     std::chrono::milliseconds deadline = std::chrono::seconds(20)) {
    return std::make_shared<Registry>(RegistryOptions{std::move(folders), {}, deadline}, host_);
  }
  std::shared_ptr<Registry> zoo(const std::string& name,
                                std::chrono::milliseconds deadline = std::chrono::seconds(20)) {
    return registry({zoo_folder(name)}, deadline);
  }

  TempFolder temp_;
  testkit::LoopHost host_;
};

inline Options deed(const std::string& what, const std::string& where, Values more = {}) {
  more["deed"] = what;
  more["in"] = where;
  return Options(std::move(more));
}

}  // namespace grid
