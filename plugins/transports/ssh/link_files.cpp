// Files into and out of work folders.
#include <utility>

#include "copies.hpp"
#include "link.hpp"

namespace grid::ssh {

void SshLink::put(const Run& run, std::vector<FileCopy> files, Progress progress, Done<> done) {
  folder(run, [this, files = std::move(files), progress = std::move(progress),
               done = std::move(done)](Result<std::string> folder) mutable {
    if (!folder) return done(fail(folder.error()));
    copy_in(thread_, host_, std::move(*folder), std::move(files), std::move(progress), std::move(done));
  });
}

void SshLink::list(const Run& run, Done<std::vector<FileFact>> done) {
  folder(run, [this, done = std::move(done)](Result<std::string> folder) {
    if (!folder) return done(fail(folder.error()));
    list_files(thread_, host_, *folder, done);
  });
}

void SshLink::get(const Run& run, std::vector<FileCopy> files, Progress progress, Done<> done) {
  folder(run, [this, files = std::move(files), progress = std::move(progress),
               done = std::move(done)](Result<std::string> folder) mutable {
    if (!folder) return done(fail(folder.error()));
    copy_out(thread_, host_, std::move(*folder), std::move(files), std::move(progress), std::move(done));
  });
}

}  // namespace grid::ssh
