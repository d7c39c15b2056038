// K, the checker's process: runs the task's tests, reaches the program by calls with plain data, and says what it saw in
// one frame {"passed", "outcome", "detail", "first"?, "failed"?}, as checker.py does. No line of the program is in here.
//
// CppSource.ts puts this above the task's declaration, whose body becomes `drydock::call`, and the tests.
#include "plain.hpp"

namespace drydock {

/// The program raised; tests may catch it as the std::exception that it was, or any.
struct CandidateError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// Sends a call's arguments, "1,2". The answer's frame, which is {"r": value}; or else ends the process with a verdict.
std::string ask(const std::string& arguments);
/// Ends the process with the verdict on an answer whose reading threw.
[[noreturn]] void unreadable();

/// Calls the program's function and reads its answer.
template <class Result, class... Arguments>
Result call(const Arguments&... arguments) {
  std::string list;
  int i = 0;
  ((list += i++ ? "," : "", write<Arguments>(list, arguments)), ...);
  const std::string message = ask(list);
  if constexpr (!std::is_void_v<Result>) {
    try {
      Reader in(message);
      in.open();
      return read<std::decay_t<Result>>(in);
    } catch (const std::runtime_error&) {
      unreadable();
    }
  }
}

using Test = void (*)();
/// Runs tests one after the other: up to the first that fails, or all where they are to be counted.
int run(std::initializer_list<Test> tests, bool counts);
/// An assert did not hold.
[[noreturn]] void failed(const char* text);

}  // namespace drydock

// Until tests include <assert.h>, which brings its own.
#undef assert
#define assert(...) ((__VA_ARGS__) ? void() : ::drydock::failed(#__VA_ARGS__))
