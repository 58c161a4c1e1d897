#include "core/registry/crash_marker.hpp"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <string>
#include <thread>
#include <vector>

namespace grid {
namespace {

class CrashMarkerTest : public ::testing::Test {
 protected:
  CrashMarkerTest() {
    std::string name = (std::filesystem::temp_directory_path() / "grid-marker-XXXXXX").string();
    if (::mkdtemp(name.data()) != nullptr) folder_ = name;
    marker_ = CrashMarker::create(folder_).value();
  }
  ~CrashMarkerTest() override {
    marker_.reset();
    std::filesystem::remove_all(folder_);
  }
  std::filesystem::path folder_;
  std::shared_ptr<CrashMarker> marker_;
};

TEST_F(CrashMarkerTest, ScopesNestAndGiveTheirSlotsBack) {
  EXPECT_EQ(current_entry(), nullptr);
  {
    const Entered outer(marker_.get(), "policy.a", "decide");
    EntrySlot* const slot = current_entry();
    ASSERT_NE(slot, nullptr);
    EXPECT_EQ(slot->state, EntryState::inside);
    EXPECT_STREQ(slot->plugin.data(), "policy.a");
    {
      const LeftPlugin left;
      EXPECT_EQ(slot->state, EntryState::outside);
      EXPECT_EQ(current_entry(), nullptr);
      const Entered inner(marker_.get(), "policy.b", "decide");
      EXPECT_NE(current_entry(), slot);
    }
    EXPECT_EQ(current_entry(), slot);
    EXPECT_EQ(slot->state, EntryState::inside);
  }
  EXPECT_EQ(current_entry(), nullptr);
}

TEST_F(CrashMarkerTest, MoreScopesThanSlotsGoUnmarked) {
  std::vector<EntrySlot*> taken;
  while (EntrySlot* slot = marker_->claim()) taken.push_back(slot);
  EXPECT_EQ(taken.size(), std::tuple_size_v<decltype(EntryFile::slots)>);
  const Entered unmarked(marker_.get(), "policy.a", "decide");
  EXPECT_EQ(current_entry(), nullptr);
}

TEST_F(CrashMarkerTest, LongNamesAreCut) {
  const Entered entered(marker_.get(), std::string(200, 'n'), std::string(200, 'c'));
  EXPECT_EQ(std::string(current_entry()->plugin.data()).size(), current_entry()->plugin.size() - 1);
  EXPECT_EQ(std::string(current_entry()->call.data()).size(), current_entry()->call.size() - 1);
}

TEST_F(CrashMarkerTest, ThreadsHaveSlotsOfTheirOwn) {
  const Entered entered(marker_.get(), "policy.a", "decide");
  EntrySlot* const mine = current_entry();
  std::thread([&] {
    EXPECT_EQ(current_entry(), nullptr);
    const Entered other(marker_.get(), "policy.b", "decide");
    EXPECT_NE(current_entry(), mine);
  }).join();
}

TEST_F(CrashMarkerTest, OrderlyEndRemovesTheFile) {
  const auto files = [&] {
    std::size_t count = 0;
    for (const auto& entry : std::filesystem::directory_iterator(folder_))
      count += entry.path().filename().string().starts_with("entered-") ? 1U : 0U;
    return count;
  };
  EXPECT_EQ(files(), 1U);
  marker_.reset();
  EXPECT_EQ(files(), 0U);
}

}  // namespace
}  // namespace grid
