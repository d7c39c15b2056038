// C, the program's process: answers calls of the entry point with plain data, one frame a call. The first frame says that
// the program is ready. The program owns this process and may forge any of it; its answers are judged elsewhere.
//
// CppSource.ts puts this above the program and a `drydock::Entry` or `drydock::DeclaredEntry` below it.
#include "plain.hpp"

namespace drydock {

/// What a parameter's value is kept in while the function runs.
template <class T>
struct Kept {
  using Type = T;
};
template <>
struct Kept<const char*> {
  using Type = std::string;
};
template <>
struct Kept<std::string_view> {
  using Type = std::string;
};
template <class T>
using Keep = typename Kept<std::decay_t<T>>::Type;

template <class T>
decltype(auto) pass(Keep<T>& kept) {
  if constexpr (std::is_same_v<std::decay_t<T>, const char*>) return kept.c_str();
  else if constexpr (std::is_same_v<std::decay_t<T>, std::string_view>) return std::string_view(kept);
  else return static_cast<T&&>(kept);
}

/// One call: `in` stands at the list of arguments. The answer's frame.
template <class Result, class... Parameters, class Function>
std::string answer(Function& function, Reader& in) {
  bool first = true;
  // Braces: the arguments are read from left to right.
  std::tuple<Keep<Parameters>...> kept{(in.item(first), read<Keep<Parameters>>(in))...};
  in.close_list(first);
  std::string out = "{\"r\":";
  std::apply(
      [&](Keep<Parameters>&... value) {
        if constexpr (std::is_void_v<Result>) function(pass<Parameters>(value)...), out += "null";
        else write<Keep<Result>>(out, function(pass<Parameters>(value)...));
      },
      kept);
  return out + '}';
}

/// What `serve` calls.
extern std::function<std::string(Reader&)> served;

/// Names the function that is served.
struct Entry {
  template <class Result, class... Parameters>
  explicit Entry(Result (*function)(Parameters...)) {
    served = [function](Reader& in) { return answer<Result, Parameters...>(function, in); };
  }
};

/// The same where the task declares the function: called with the declared types, whatever overloads the program has.
template <class Signature>
struct DeclaredEntry;
template <class Result, class... Parameters>
struct DeclaredEntry<Result(Parameters...)> {
  template <class Function>
  explicit DeclaredEntry(Function function) {
    using Answer = decltype(function(std::declval<Parameters>()...));
    served = [function](Reader& in) { return answer<Answer, Parameters...>(function, in); };
  }
};

/// Ready, then an answer to every call.
int serve();

}  // namespace drydock

int main() { return drydock::serve(); }

// A program's own main is just a function.
#define main drydock_program_main
