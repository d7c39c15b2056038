#include <bits/stdc++.h>
#include <drydock/checker.hpp>

#include <signal.h>
#include <unistd.h>

namespace drydock {

struct Failure {
  std::string outcome, detail;
  int first = 0;
};

static int passed = 0, total = 1, calls = 0;
/// Where tests are counted.
static std::optional<Failure> first_failure;
static std::vector<int> failures;

/// The verdict; of counted tests the first failure's, whatever came later.
[[noreturn]] static void conclude(std::string outcome, std::string detail) {
  std::string verdict = "{\"passed\":" + std::to_string(passed);
  if (first_failure && outcome != "BadTest") {
    outcome = first_failure->outcome, detail = first_failure->detail;
    verdict += ",\"first\":" + std::to_string(first_failure->first) + ",\"failed\":[";
    for (const int index : failures) verdict += std::to_string(index) + ",";
    verdict.back() = ']';
  }
  verdict += ",\"outcome\":\"" + outcome + "\",";
  send(VERDICT, verdict + saying("detail", std::move(detail)).substr(1));
  _exit(0);
}

/// The tests themselves went wrong: by what the program answered, or else by their own fault.
[[noreturn]] static void broke(const std::string& why) { conclude(calls > 0 ? "WrongAnswer" : "BadTest", why); }

/// The next frame, once it is known to be JSON.
static std::string next_message() {
  try {
    if (std::optional<std::string> message = receive(ANSWERS)) {
      Reader whole(*message);
      whole.skip();
      whole.end();
      return *std::move(message);
    }
  } catch (const Malformed& error) {
    conclude("Malformed", error.what());
  }
  conclude("Gone", "ended before it answered");
}

std::string ask(const std::string& arguments) {
  if (arguments.find("{\"x\":") != arguments.npos) conclude("BadTest", "an argument is not plain data");
  ++calls;
  if (!send(CALLS, "{\"a\":[" + arguments + "]}")) conclude("Gone", "ended before it answered");
  std::string message = next_message();
  try {
    Reader in(message);
    const std::string key = in.open();
    if (key == "e" && in.peek() == '"') throw CandidateError(in.text());
    in.skip(), in.close();
    if (key != "r") throw Malformed("neither answer nor error");
  } catch (const Malformed& error) {
    conclude("Malformed", error.what());
  }
  return message;
}

void unreadable() {
  try {
    throw;
  } catch (const Mismatch& error) {
    conclude("WrongAnswer", std::string("answered ") + error.what());
  } catch (const std::exception& error) {
    conclude("Malformed", error.what());
  }
}

struct AssertFailed {
  const char* text;
};
void failed(const char* text) { throw AssertFailed{text}; }

/// What the exception that is being handled says of a test.
static Failure judge_exception() {
  try {
    throw;
  } catch (const AssertFailed& failed) {
    return {"WrongAnswer", failed.text};
  } catch (const CandidateError& error) {
    return {"RuntimeError", error.what()};
  } catch (...) {
    return {calls > 0 ? "WrongAnswer" : "BadTest", describe_exception()};
  }
}
[[noreturn]] static void uncaught() {
  const Failure failure = judge_exception();
  conclude(failure.outcome, failure.detail);
}

int run(std::initializer_list<Test> tests, bool counts) {
  total = static_cast<int>(tests.size());
  int index = 0;
  for (const Test test : tests) {
    calls = 0;
    try {
      test();
      ++passed;
    } catch (...) {
      Failure failure = judge_exception();
      failure.first = index;
      if (!counts || failure.outcome == "BadTest") conclude(failure.outcome, failure.detail);
      if (!first_failure) first_failure = failure;
      failures.push_back(index);
    }
    ++index;
  }
  if (first_failure) conclude(first_failure->outcome, first_failure->detail);
  return 0;
}

static void hello() {
  const std::string message = next_message();
  try {
    Reader in(message);
    const std::string key = in.open();
    if (key == "ready" && in.take_word("true")) return;
    if (key == "stage" && in.peek() == '"') {
      in.text(), in.need(',');
      if (in.text() == "e") in.need(':'), conclude("RuntimeError", in.text());
    }
  } catch (const Malformed&) {
  }
  conclude("Malformed", "no hello");
}

/// Before the tests' own initialisers: the program is waited for, and every way to end leads to a verdict.
[[gnu::constructor(102)]] static void begin() {
  ::signal(SIGPIPE, SIG_IGN);
  std::set_terminate(uncaught);
  // Indexing beyond an answer's end gets here; on a stack of its own, because the stack may be what ran out.
  static char stack[1 << 16];
  stack_t alternate{};
  alternate.ss_sp = stack;
  alternate.ss_size = sizeof stack;
  ::sigaltstack(&alternate, nullptr);
  struct sigaction action {};
  action.sa_handler = [](int number) { broke("the tests ended by signal " + std::to_string(number)); };
  action.sa_flags = SA_ONSTACK;
  for (const int number : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT}) ::sigaction(number, &action, nullptr);
  ::on_exit(
      [](int status, void*) {
        if (status != 0) broke("the tests exited with code " + std::to_string(status));
        passed = total;
        conclude("Passed", "");
      },
      nullptr);
  hello();
}

}  // namespace drydock

/// What <assert.h>'s assert calls, in place of the C library's.
extern "C" [[noreturn]] void __assert_fail(const char* text, const char*, unsigned, const char*) noexcept {
  drydock::conclude("WrongAnswer", text);
}
