#include "core/client/api_client.hpp"

#include <poll.h>

#include <chrono>

#include <gtest/gtest.h>

#include "core/client/test_server.hpp"

namespace grid {
namespace {

using namespace std::chrono_literals;

struct ApiClientTest : testing::Test {
  TemporaryFolder folder;
  std::filesystem::path socket = folder.path / "grid.sock";

  [[nodiscard]] ApiClient client() const {
    auto connected = ApiClient::connect(socket, 5s);
    EXPECT_TRUE(connected.has_value());
    return std::move(*connected);
  }
  // One that answers everything with these bytes, then leaves.
  [[nodiscard]] TestServer::Serve bytes(std::string answer) const {
    return [answer](const TestServer::Request&, int connection) { TestServer::send(connection, answer); };
  }
};

TEST_F(ApiClientTest, asks_and_posts) {
  TestServer server(socket, [](const TestServer::Request& request, int connection) {
    const Json seen{{"method", std::string(request.method_string())},
                    {"target", std::string(request.target())},
                    {"body", request.body()}};
    TestServer::answer(connection, 200, seen.dump());
  });
  ApiClient api = client();
  auto got = api.get("/v1/executions?all=1");
  ASSERT_TRUE(got) << got.error().message;
  EXPECT_EQ((*got)["method"], "GET");
  EXPECT_EQ((*got)["target"], "/v1/executions?all=1");
  auto posted = api.post("/v1/executions", Json{{"argv", {"true"}}});  // on a second connection
  ASSERT_TRUE(posted) << posted.error().message;
  EXPECT_EQ((*posted)["method"], "POST");
  EXPECT_EQ((*posted)["body"], R"({"argv":["true"]})");
}

TEST_F(ApiClientTest, carries_large_bodies_both_ways) {
  TestServer server(socket, [](const TestServer::Request& request, int connection) {
    TestServer::answer(connection, 200, request.body());
  });
  const Json large{{"argv", {std::string(3U << 20U, 'x')}}};
  auto echo = client().post("/v1/executions", large);
  ASSERT_TRUE(echo) << echo.error().message;
  EXPECT_EQ(*echo, large);
}

TEST_F(ApiClientTest, error_objects_become_errors) {
  TestServer server(socket, [](const TestServer::Request&, int connection) {
    TestServer::answer(
        connection, 404,
        R"({"error":{"code":"NotFound","message":"no execution 9","hint":"see: grid ps","details":{}}})");
  });
  auto got = client().get("/v1/executions/9");
  ASSERT_FALSE(got);
  EXPECT_EQ(got.error().code, Code::not_found);
  EXPECT_EQ(got.error().message, "no execution 9");
  EXPECT_EQ(got.error().hint, "see: grid ps");
  auto stream = client().open("/v1/executions/9/logs");
  ASSERT_FALSE(stream);
  EXPECT_EQ(stream.error().code, Code::not_found);
}

TEST_F(ApiClientTest, nobody_listens) {
  auto absent = ApiClient::connect(socket, 1s);
  ASSERT_FALSE(absent);
  EXPECT_EQ(absent.error().code, Code::daemon_unavailable);
  auto long_path = ApiClient::connect(folder.path / std::string(200, 'x'), 1s);
  ASSERT_FALSE(long_path);
  EXPECT_EQ(long_path.error().code, Code::usage);
}

TEST_F(ApiClientTest, one_that_never_answers_times_out) {
  TestServer server(
      socket, [](const TestServer::Request&, int connection) { TestServer::wait_for_leave(connection); });
  const auto begun = std::chrono::steady_clock::now();
  auto got = client().get("/", 100ms);
  ASSERT_FALSE(got);
  EXPECT_EQ(got.error().code, Code::timed_out);
  EXPECT_GE(std::chrono::steady_clock::now() - begun, 100ms);
}

TEST_F(ApiClientTest, one_that_stops_half_way_times_out) {
  TestServer server(socket, [](const TestServer::Request&, int connection) {
    TestServer::send(connection, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n{\"a\"");
    TestServer::wait_for_leave(connection);
  });
  auto got = client().get("/", 100ms);
  ASSERT_FALSE(got);
  EXPECT_EQ(got.error().code, Code::timed_out);
}

TEST_F(ApiClientTest, one_that_leaves_early) {
  for (const char* part : {"", "HTTP/1.1 200", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n{\"a\"",
                           "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{\"a\""}) {
    std::filesystem::remove(socket);
    TestServer server(socket, bytes(part));
    auto got = client().get("/");
    ASSERT_FALSE(got) << part;
    EXPECT_EQ(got.error().code, Code::daemon_unavailable) << part << got.error().message;
    EXPECT_TRUE(got.error().retryable) << part;
  }
}

TEST_F(ApiClientTest, garbage_is_no_answer) {
  for (const char* part : {"SSH-2.0-OpenSSH_9.2\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nnot",
                           "HTTP/1.1 200 OK\r\nContent-Length: minus\r\n\r\n{}",
                           "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"}) {
    std::filesystem::remove(socket);
    TestServer server(socket, bytes(part));
    auto got = client().get("/");
    ASSERT_FALSE(got) << part;
    EXPECT_EQ(got.error().code, Code::internal) << part;
  }
}

TEST_F(ApiClientTest, an_error_that_is_no_error_object) {
  for (const char* body : {"", "<html>", R"({"error":7})"}) {
    std::filesystem::remove(socket);
    TestServer server(socket, [body](const TestServer::Request&, int connection) {
      TestServer::answer(connection, 500, body);
    });
    auto got = client().get("/");
    ASSERT_FALSE(got);
    EXPECT_EQ(got.error().code, Code::internal) << body;
  }
}

TEST_F(ApiClientTest, endless_headers_end) {
  TestServer server(socket, [](const TestServer::Request&, int connection) {
    TestServer::send(connection, "HTTP/1.1 200 OK\r\n");
    while (TestServer::send(connection, "X-More: and more\r\n")) {
    }
  });
  auto got = client().get("/", 20s);
  ASSERT_FALSE(got);
  EXPECT_EQ(got.error().code, Code::internal);
}

TEST_F(ApiClientTest, an_endless_stream_can_be_left) {
  TestServer server(socket, [](const TestServer::Request&, int connection) {
    TestServer::send(connection, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
    while (TestServer::send(connection, "5\r\nline\n\r\n")) {
    }
  });
  std::size_t lines = 0;
  auto streamed = client().stream("/v1/snapshot?stream=1", [&](std::string_view bytes) {
    for (const char c : bytes) lines += c == '\n' ? 1 : 0;
    return lines < 1000;
  });
  EXPECT_TRUE(streamed) << streamed.error().message;
  EXPECT_GE(lines, 1000U);
}

TEST_F(ApiClientTest, a_stream_tells_its_end_from_a_break) {
  std::string body;
  const auto collect = [&](std::string_view bytes) {
    body += bytes;
    return true;
  };
  using namespace std::string_literals;
  const std::string whole =
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nX-Grid-Offset: 17\r\n\r\n"
      "3\r\nabc\r\n4\r\n"s +
      "\0\n\xff\x1b"s + "\r\n0\r\n\r\n";
  {
    TestServer server(socket, bytes(whole));
    auto streamed = client().stream("/", collect);
    EXPECT_TRUE(streamed) << streamed.error().message;
    EXPECT_EQ(body, std::string("abc\0\n\xff\x1b", 7));
    auto opened = client().open("/");
    ASSERT_TRUE(opened);
    EXPECT_EQ(opened->offset(), 17U);
  }
  std::filesystem::remove(socket);
  body.clear();
  TestServer server(socket, bytes(whole.substr(0, whole.size() - 5)));
  auto streamed = client().stream("/", collect);
  ASSERT_FALSE(streamed);
  EXPECT_EQ(streamed.error().code, Code::daemon_unavailable);
  EXPECT_EQ(body, std::string("abc\0\n\xff\x1b", 7));  // what came is not lost
}

TEST_F(ApiClientTest, a_silent_stream_times_out_only_where_asked) {
  TestServer server(socket, [](const TestServer::Request&, int connection) {
    TestServer::send(connection, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n");
    TestServer::wait_for_leave(connection);
  });
  auto streamed = client().stream(
      "/", [](std::string_view) { return true; }, 100ms);
  ASSERT_FALSE(streamed);
  EXPECT_EQ(streamed.error().code, Code::timed_out);
}

TEST_F(ApiClientTest, an_early_refusal_is_heard) {
  // The server answers without reading the body, and leaves: the answer counts, not our broken pipe.
  const Fd listener(::socket(AF_UNIX, SOCK_STREAM, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  socket.native().copy(address.sun_path, sizeof address.sun_path - 1);
  ASSERT_EQ(::bind(listener.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  ASSERT_EQ(::listen(listener.get(), 1), 0);
  std::thread server([&] {
    const Fd connection(::accept(listener.get(), nullptr, nullptr));
    TestServer::answer(connection.get(), 400,
                       R"({"error":{"code":"Usage","message":"too large","hint":"","details":{}}})");
    ::shutdown(connection.get(), SHUT_RD);
    ::poll(nullptr, 0, 50);
  });
  auto posted = client().post("/", Json(std::string(32U << 20U, 'x')));
  server.join();
  ASSERT_FALSE(posted);
  EXPECT_EQ(posted.error().message, "too large");
}

TEST(UrlPart, encodes_all_but_the_plain) {
  EXPECT_EQ(url_part("gpu-1.a_b~"), "gpu-1.a_b~");
  EXPECT_EQ(url_part("a b&c=\xff/"), "a%20b%26c%3D%FF%2F");
}

}  // namespace
}  // namespace grid
