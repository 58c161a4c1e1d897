// A link behind its fence: each call answers exactly once, on the loop, whatever the plugin does.
#include "zoo.hpp"

namespace grid {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

struct SilentSink final : RunSink {
  void started(const Run&, const std::vector<RunStarted>&) override {}
  void ended(const Run&, const std::vector<RunEnded>&) override {}
  void lost(const Run&, const std::string&) override {}
  void finished(const Run&) override {}
};

// Each kind of call by name; `note` is told of each answer.
using Note = std::function<void(const Error*)>;
template <class T>
Done<T> telling(Note note) {
  return [note = std::move(note)](Result<T> result) { note(result ? nullptr : &result.error()); };
}
const std::map<std::string, std::function<void(Link&, Note)>> calls{
    {"identify", [](Link& link, Note note) { link.identify(telling<Link::Identity>(std::move(note))); }},
    {"read", [](Link& link, Note note) { link.read({}, telling<Reading>(std::move(note))); }},
    {"probe", [](Link& link, Note note) { link.probe({}, telling<ProbeReport>(std::move(note))); }},
    {"prepare", [](Link& link, Note note) { link.prepare({}, telling<void>(std::move(note))); }},
    {"start", [](Link& link, Note note) { link.start({}, telling<void>(std::move(note))); }},
    {"attach", [](Link& link, Note note) { link.attach({}, telling<RunState>(std::move(note))); }},
    {"signal", [](Link& link, Note note) { link.signal({}, 0, 15, telling<void>(std::move(note))); }},
    {"cancel", [](Link& link, Note note) { link.cancel({}, {}, telling<void>(std::move(note))); }},
    {"read_log",
     [](Link& link, Note note) {
       link.read_log({}, 0, Stream::out, 0, 1, telling<LogChunk>(std::move(note)));
     }},
    {"put", [](Link& link, Note note) { link.put({}, {}, nullptr, telling<void>(std::move(note))); }},
    {"list", [](Link& link, Note note) { link.list({}, telling<std::vector<FileFact>>(std::move(note))); }},
    {"get", [](Link& link, Note note) { link.get({}, {}, nullptr, telling<void>(std::move(note))); }},
    {"forget", [](Link& link, Note note) { link.forget({}, telling<void>(std::move(note))); }},
    {"diagnose", [](Link& link, Note note) { link.diagnose(telling<std::vector<Check>>(std::move(note))); }},
};

class FencedLinks : public BorderTest {
 protected:
  // Calls `call` on a link of a transport that does `what` there; checks the promises and answers the error,
  // if any.
  std::optional<Error> run(const std::string& call, const std::string& what) {
    const auto transport = zoo("deeds")->transport("bad", deed(what, call)).value();
    const auto link = transport->open({}, sink_).value();
    int answers = 0;
    std::optional<Error> error;
    bool settled = false;
    calls.at(call)(*link, [&](const Error* told) {
      ++answers;
      if (told != nullptr) error = *told;
    });
    EXPECT_EQ(answers, 0) << call << " answered from inside the call";
    host_.post([&] { settled = true; });
    EXPECT_TRUE(host_.run_until([&] { return settled; }));
    EXPECT_EQ(answers, 1) << call;
    return error;
  }
  SilentSink sink_;
};

TEST_F(FencedLinks, EachCallThatThrowsIsAnsweredAsFault) {
  for (const auto& [call, _] : calls) {
    const auto error = run(call, "throws");
    ASSERT_TRUE(error) << call;
    EXPECT_EQ(error->code, Code::plugin_fault);
    EXPECT_THAT(error->message, AllOf(HasSubstr("transport.bad threw in " + call), HasSubstr("on purpose")));
  }
}

TEST_F(FencedLinks, EachAnswerComesOnceAndByTheLoop) {
  for (const auto& [call, _] : calls) EXPECT_FALSE(run(call, "nothing")) << call;
}

TEST_F(FencedLinks, OpenThatThrows) {
  const auto transport = zoo("deeds")->transport("bad", deed("throws", "open")).value();
  const auto link = transport->open({}, sink_);
  ASSERT_FALSE(link);
  EXPECT_THAT(link.error().message, HasSubstr("transport.bad threw in open"));
}

TEST_F(FencedLinks, LinkMayOutliveTransportAndRegistry) {
  std::unique_ptr<Link> link;
  {
    const auto transport = zoo("deeds")->transport("bad").value();
    link = transport->open({}, sink_).value();
  }
  bool answered = false;
  link->identify([&](const Result<Link::Identity>& who) { answered = who.has_value(); });
  EXPECT_TRUE(host_.run_until([&] { return answered; }));
}

}  // namespace
}  // namespace grid
