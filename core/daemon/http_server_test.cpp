// The HTTP server against raw sockets: clients that are slow, rude, or gone.
#include "core/daemon/http_server.hpp"

#include <gtest/gtest.h>
#include <poll.h>
#include <rapidcheck/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <stdexcept>
#include <thread>

#include "grid/sdk/fd.hpp"

namespace grid {
namespace {
namespace fs = std::filesystem;
using namespace std::chrono_literals;

class HttpTest : public testing::Test {
 protected:
  HttpTest() {
    std::string pattern = (fs::temp_directory_path() / "grid-http-XXXXXX").string();
    folder_ = ::mkdtemp(pattern.data());
    path_ = folder_ / "s";
    auto made =
        HttpServer::listen(host_, path_, [this](HttpRequest request, std::shared_ptr<HttpReply> reply) {
          handle(std::move(request), std::move(reply));
        });
    if (!made) throw std::runtime_error(made.error().message);
    server_ = std::move(*made);
    thread_ = std::thread([this] { host_.run(); });
  }
  ~HttpTest() override {
    host_.post([this] { server_.reset(); });
    host_.stop();
    thread_.join();
    fs::remove_all(folder_);
  }

  void handle(HttpRequest request, std::shared_ptr<HttpReply> reply) {
    if (request.path == "/throw") throw std::runtime_error("unexpected");
    if (request.path == "/stream") {
      reply->begin("text/plain", {{"X-Grid-Offset", "5"}});
      reply->write("hello");
      if (request.query.contains("end")) return reply->end();
      tick(reply);
      return;
    }
    reply->send(request.path == "/none" ? 404 : 200,
                request.method + " " + request.path + " " + std::to_string(request.body.size()) +
                    (request.query.contains("q") ? " q=" + request.query["q"] : ""));
  }
  // Writes on until the client has left.
  void tick(const std::shared_ptr<HttpReply>& reply) {
    ++ticks_;
    if (!reply->open()) {
      left_ = true;
      return;
    }
    if (reply->waiting_bytes() < 1U << 20U) reply->write(std::string(4096, 'x'));
    timer_ = host_.after(5ms, [this, reply] { tick(reply); });
  }

  Fd connect() {
    Fd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path_.string().copy(address.sun_path, sizeof address.sun_path - 1);
    EXPECT_EQ(::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
    return fd;
  }
  static bool put(const Fd& fd, std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t sent = ::send(fd.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent <= 0) return false;
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
    return true;
  }
  // Reads until `end` was seen, or the server closed, or 5 s passed.
  static std::string read_until(const Fd& fd, std::string_view end) {
    std::string got;
    const auto deadline = std::chrono::steady_clock::now() + 5s;
    while (std::chrono::steady_clock::now() < deadline &&
           (end.empty() || got.find(end) == std::string::npos)) {
      pollfd wait{fd.get(), POLLIN, 0};
      if (::poll(&wait, 1, 100) <= 0) continue;
      char buffer[65536];
      const ssize_t count = ::recv(fd.get(), buffer, sizeof buffer, 0);
      if (count <= 0) return got + "<closed>";
      got.append(buffer, static_cast<std::size_t>(count));
    }
    return got;
  }
  static std::string all(const Fd& fd) { return read_until(fd, {}); }
  bool works() {
    const Fd fd = connect();
    put(fd, "GET /ok HTTP/1.1\r\nHost: x\r\n\r\n");
    return read_until(fd, "GET /ok 0").find("200") != std::string::npos;
  }
  template <class Condition>
  static bool eventually(Condition condition) {
    for (const auto end = std::chrono::steady_clock::now() + 5s; std::chrono::steady_clock::now() < end;) {
      if (condition()) return true;
      std::this_thread::sleep_for(2ms);
    }
    return false;
  }

  fs::path folder_;
  fs::path path_;
  LoopHost host_;
  std::unique_ptr<HttpServer> server_;
  std::unique_ptr<Host::Handle> timer_;
  std::atomic<int> ticks_{0};
  std::atomic<bool> left_{false};
  std::thread thread_;
};

TEST_F(HttpTest, AnswersAndKeepsTheConnection) {
  struct stat facts {};
  ASSERT_EQ(::stat(path_.c_str(), &facts), 0);
  EXPECT_EQ(facts.st_mode & 0777U, 0600U);
  const Fd fd = connect();
  for (int i = 0; i < 3; ++i) {
    put(fd, "POST /a%20b?q=%41&flag HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc");
    EXPECT_NE(read_until(fd, "q=A").find("POST /a b 3 q=A"), std::string::npos);
  }
  put(fd, "GET /none HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  const std::string last = all(fd);
  EXPECT_NE(last.find("404"), std::string::npos);
  EXPECT_TRUE(last.ends_with("<closed>"));
}

TEST_F(HttpTest, ASlowClientIsWaitedForAndOneThatLeavesIsNotMissed) {
  const Fd slow = connect();
  for (const char c : std::string_view("GET /slow HTTP/1.1\r\nHost: x\r\n")) {
    put(slow, std::string_view(&c, 1));
  }
  {
    const Fd leaves = connect();
    put(leaves, "POST /x HTTP/1.1\r\nContent-Length: 100\r\n\r\nhalf");
  }
  EXPECT_TRUE(works());  // nobody waits for them
  put(slow, "\r\n");
  EXPECT_NE(read_until(slow, "/slow 0").find("200"), std::string::npos);
}

TEST_F(HttpTest, GarbageIsRefused) {
  for (const char* garbage : {"\x16\x03\x01\x02\x01 tls\r\n\r\n", "GET\r\n\r\n", "GET / HTTP/9.9\r\n\r\n",
                              "G\0T / HTTP/1.1\r\n\r\n", "POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
                              "\r\n\r\n\r\n\r\nx y z\r\n\r\n"}) {
    const Fd fd = connect();
    put(fd, garbage);
    ::shutdown(fd.get(), SHUT_WR);
    const std::string got = all(fd);
    EXPECT_TRUE(got.ends_with("<closed>")) << garbage;
    EXPECT_EQ(got.find("HTTP/1.1 200"), std::string::npos) << garbage;
  }
  EXPECT_TRUE(works());
}

TEST_F(HttpTest, WhatIsTooLargeIsRefused) {
  const Fd header = connect();
  put(header, "GET / HTTP/1.1\r\nX: " + std::string(100'000, 'a') + "\r\n\r\n");
  EXPECT_NE(read_until(header, "too large").find("413"), std::string::npos);
  const Fd body = connect();
  put(body, "POST / HTTP/1.1\r\nContent-Length: 99999999999\r\n\r\n");
  EXPECT_NE(read_until(body, "too large").find("413"), std::string::npos);
  EXPECT_TRUE(works());
}

TEST_F(HttpTest, AHandlerThatThrowsAnswers500) {
  const Fd fd = connect();
  put(fd, "GET /throw HTTP/1.1\r\nHost: x\r\n\r\n");
  const std::string got = all(fd);
  EXPECT_NE(got.find("HTTP/1.1 500"), std::string::npos) << got;
  EXPECT_TRUE(works());
}

TEST_F(HttpTest, AStreamComesInChunksAndEnds) {
  const Fd fd = connect();
  put(fd, "GET /stream?end HTTP/1.1\r\nHost: x\r\n\r\n");
  const std::string got = all(fd);
  EXPECT_NE(got.find("X-Grid-Offset: 5\r\n"), std::string::npos);
  EXPECT_NE(got.find("5\r\nhello\r\n0\r\n\r\n<closed>"), std::string::npos) << got;
}

TEST_F(HttpTest, AStreamNoticesThatItsClientLeft) {
  {
    const Fd fd = connect();
    put(fd, "GET /stream HTTP/1.1\r\nHost: x\r\n\r\n");
    ASSERT_NE(read_until(fd, "hello").find("hello"), std::string::npos);
  }
  EXPECT_TRUE(eventually([&] { return left_.load(); }));
  EXPECT_TRUE(works());
}

TEST_F(HttpTest, AClientThatOutlivesTheServerIsStillAnswered) {
  const Fd fd = connect();
  put(fd, "GET /1 HTTP/1.1\r\nHost: x\r\n\r\n");
  ASSERT_NE(read_until(fd, "/1 0").find("200"), std::string::npos);
  std::atomic<bool> gone{false};
  host_.post([&] {
    server_.reset();
    gone = true;
  });
  ASSERT_TRUE(eventually([&] { return gone.load(); }));
  EXPECT_FALSE(fs::exists(path_));
  put(fd, "GET /2 HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_NE(read_until(fd, "/2 0").find("200"), std::string::npos);
  auto again = HttpServer::listen(host_, path_, [](HttpRequest, std::shared_ptr<HttpReply>) {});
  EXPECT_TRUE(again);
}

TEST_F(HttpTest, ASecondServerIsRefusedAndADeadSocketReplaced) {
  const auto second = HttpServer::listen(host_, path_, [](HttpRequest, std::shared_ptr<HttpReply>) {});
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, Code::resource_conflict);
  const auto longest = HttpServer::listen(host_, folder_ / std::string(120, 'x'), {});
  ASSERT_FALSE(longest);
  EXPECT_NE(longest.error().hint.find("GRID_STATE_DIR"), std::string::npos);
}

TEST(PercentDecode, LeavesWhatIsMalformed) {
  EXPECT_EQ(percent_decode("a%20b%2F%c3%A4"), "a b/\xc3\xa4");
  EXPECT_EQ(percent_decode("%"), "%");
  EXPECT_EQ(percent_decode("%4"), "%4");
  EXPECT_EQ(percent_decode("%zz%41"), "%zzA");
}

RC_GTEST_PROP(PercentDecode, TakesAnythingAndUndoesEncoding, (const std::string& text)) {
  static_cast<void>(percent_decode(text));
  std::string encoded;
  for (const char c : text) {
    char part[4];
    std::snprintf(part, sizeof part, "%%%02X", static_cast<unsigned>(static_cast<unsigned char>(c)));
    encoded += part;
  }
  RC_ASSERT(percent_decode(encoded) == text);
}

}  // namespace
}  // namespace grid
