// Plain data between processes that do not trust each other: frames of JSON, values tagged as plain.py says
// (sandbox-images/supervisor/drydock_sandbox). Reading goes straight into a C++ type; what does not fit throws.
//
// Integers, floating, bool and text stand for themselves; a char is text of length 1; bytes that are no UTF-8 are
// {"b": hex}; sequences and sets are lists; pair and tuple {"t": [...]}; maps {"d": [[key, value], ...]}; optional is null
// or the value. std::any and boost::any are what they hold, where JSON has such a thing, else {"a": [type, value]}.
#pragma once
#include <bits/stdc++.h>
#include <cxxabi.h>
#include <unistd.h>

namespace drydock {

constexpr int MAX_DEPTH = 64;
constexpr std::size_t MAX_FRAME = 8u << 20;

/// What arrived is no frame of JSON.
struct Malformed : std::runtime_error {
  using std::runtime_error::runtime_error;
};
/// It is JSON, but no value of the type that is asked for.
struct Mismatch : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// Reads one JSON text, front to back.
class Reader {
 public:
  explicit Reader(std::string_view text) : text_(text) {}

  /// The next character that is no blank.
  char peek();
  bool take(char wanted);
  void need(char wanted);
  bool take_word(std::string_view word);
  /// Nothing more may follow.
  void end();

  /// Begins a list, or goes on to its next item; Mismatch where there is none.
  void item(bool& first);
  /// Ends a list of just so many items.
  void close_list(bool first);
  /// Calls `each` at every item of a list.
  template <class Each>
  void list(Each each) {
    need('[');
    deepen();
    if (!take(']')) {
      do each();
      while (take(','));
      need(']');
    }
    --depth_;
  }

  /// The one key of a tagged value; `close` follows its body.
  std::string open();
  void close();
  /// A number as it is written.
  std::string_view number();
  std::string text();
  /// Passes over one value of any shape.
  void skip();

 private:
  void deepen();
  void blanks();
  unsigned char byte();
  void digits();
  unsigned hex4();
  void escape(std::string& out);

  std::string_view text_;
  std::size_t at_ = 0;
  int depth_ = 0;
};

/// Whether text is UTF-8: no overlong forms, no surrogates.
bool is_utf8(std::string_view text);
/// JSON text, or {"b": hex} where it is no UTF-8.
void write_text(std::string& out, std::string_view text);

/// How values of T are written and read: `write(out, value)` and `read(reader) -> T`.
template <class T, class = void>
struct Plain {
  static_assert(!sizeof(T), "values of this type cannot be passed between the program and its tests");
};

template <class T>
void write(std::string& out, const T& value) {
  Plain<T>::write(out, value);
}
template <class T>
T read(Reader& in) {
  return Plain<T>::read(in);
}

/// A type's name as its source has it.
std::string name_of(const std::type_info& type);
[[noreturn]] void mismatch(const std::type_info& type);

template <>
struct Plain<bool> {
  static void write(std::string& out, bool value) { out += value ? "true" : "false"; }
  static bool read(Reader& in);
};
template <>
struct Plain<std::string> {
  static void write(std::string& out, const std::string& value) { write_text(out, value); }
  static std::string read(Reader& in);
};
template <>
struct Plain<char> {
  static void write(std::string& out, char value) { write_text(out, std::string_view(&value, 1)); }
  static char read(Reader& in);
};

/// An integer's sign and size.
struct Integer {
  bool negative;
  std::uint64_t size;
};
void write_integer(std::string& out, Integer value);
/// Converts as C++ does where nothing is lost: true is 1, 2.0 is 2. `type` is what is asked for.
Integer read_integer(Reader& in, const std::type_info& type);

/// Every integer but bool and char, exactly; wider than 53 bits in hexadecimal.
template <class T>
struct Plain<T, std::enable_if_t<std::is_integral_v<T> && sizeof(T) <= 8>> {
  static void write(std::string& out, T value) {
    const auto size = static_cast<std::uint64_t>(value);
    write_integer(out, value < T(0) ? Integer{true, 0 - size} : Integer{false, size});
  }
  static T read(Reader& in) {
    const auto [negative, size] = read_integer(in, typeid(T));
    constexpr std::uint64_t top = std::numeric_limits<T>::max();
    if (negative ? size > (std::is_signed_v<T> ? top + 1 : 0) : size > top) mismatch(typeid(T));
    return static_cast<T>(negative ? 0 - size : size);
  }
};

/// Floating values, by the shortest text that reads back as the very same.
template <class T>
struct Plain<T, std::enable_if_t<std::is_floating_point_v<T>>> {
  static void write(std::string& out, T value);
  static T read(Reader& in);
};
extern template struct Plain<float>;
extern template struct Plain<double>;
extern template struct Plain<long double>;

/// The items of anything that is written as a list.
template <class Each>
void read_items(Reader& in, Each each) {
  if (in.peek() == '[') return in.list(each);
  if (in.peek() != '{') in.skip(), throw Mismatch("no list");
  const std::string tag = in.open();
  if (tag.size() != 1 || !std::strchr("tszg", tag[0])) throw Mismatch("no list");
  in.list(each);
  in.close();
}
template <class Items>
void write_items(std::string& out, const Items& items) {
  out += '[';
  bool first = true;
  for (auto&& item : items) {
    if (!std::exchange(first, false)) out += ',';
    drydock::write<typename Items::value_type>(out, item);
  }
  out += ']';
}

template <class C, class = void>
struct is_growing : std::false_type {};
template <class C>
struct is_growing<C, std::void_t<decltype(std::declval<C&>().push_back(std::declval<typename C::value_type>()))>>
    : std::true_type {};
template <class C, class = void>
struct has_key : std::false_type {};
template <class C>
struct has_key<C, std::void_t<typename C::key_type>> : std::true_type {};
template <class C, class = void>
struct has_mapped : std::false_type {};
template <class C>
struct has_mapped<C, std::void_t<typename C::mapped_type>> : std::true_type {};
template <class C, class = void>
struct has_hash : std::false_type {};
template <class C>
struct has_hash<C, std::void_t<typename C::hasher>> : std::true_type {};

/// vector, deque, list.
template <class C>
struct Plain<C, std::enable_if_t<is_growing<C>::value && !std::is_same_v<C, std::string>>> {
  static void write(std::string& out, const C& value) { write_items(out, value); }
  static C read(Reader& in) {
    C out;
    read_items(in, [&] { out.push_back(drydock::read<typename C::value_type>(in)); });
    return out;
  }
};

template <class T, std::size_t N>
struct Plain<std::array<T, N>> {
  static void write(std::string& out, const std::array<T, N>& value) { write_items(out, value); }
  static std::array<T, N> read(Reader& in) {
    std::array<T, N> out{};
    std::size_t count = 0;
    read_items(in, [&] {
      if (count == N) throw Mismatch("too many items for an array");
      out[count++] = drydock::read<T>(in);
    });
    if (count != N) throw Mismatch("too few items for an array");
    return out;
  }
};

/// Texts of the items, in the container's order; sorted where it has none of its own.
template <class C, class Write>
void write_keyed(std::string& out, const C& items, Write write_item) {
  std::vector<std::string> texts;
  for (const auto& item : items) write_item(texts.emplace_back(), item);
  if (has_hash<C>::value) std::sort(texts.begin(), texts.end());
  out += '[';
  for (std::size_t i = 0; i < texts.size(); ++i) out += i ? "," : "", out += texts[i];
  out += ']';
}

/// set, multiset, unordered_set, unordered_multiset.
template <class C>
struct Plain<C, std::enable_if_t<has_key<C>::value && !has_mapped<C>::value>> {
  using Key = typename C::key_type;
  static void write(std::string& out, const C& value) {
    write_keyed(out, value, [](std::string& text, const Key& key) { drydock::write<Key>(text, key); });
  }
  static C read(Reader& in) {
    C out;
    read_items(in, [&] { out.insert(drydock::read<Key>(in)); });
    return out;
  }
};

/// map, multimap, unordered_map, unordered_multimap.
template <class C>
struct Plain<C, std::enable_if_t<has_mapped<C>::value>> {
  using Key = typename C::key_type;
  using Value = typename C::mapped_type;
  static void write(std::string& out, const C& value) {
    out += "{\"d\":";
    write_keyed(out, value, [](std::string& text, const auto& pair) {
      text += '[', drydock::write<Key>(text, pair.first);
      text += ',', drydock::write<Value>(text, pair.second), text += ']';
    });
    out += '}';
  }
  static C read(Reader& in) {
    if (in.peek() != '{') in.skip(), mismatch(typeid(C));
    if (in.open() != "d") mismatch(typeid(C));
    C out;
    in.list([&] {
      in.need('[');
      Key key = drydock::read<Key>(in);
      in.need(',');
      Value value = drydock::read<Value>(in);
      in.need(']');
      out.insert(typename C::value_type(std::move(key), std::move(value)));
    });
    in.close();
    return out;
  }
};

/// pair and tuple.
template <class... T>
struct Plain<std::tuple<T...>> {
  static void write(std::string& out, const std::tuple<T...>& value) {
    out += "{\"t\":[";
    std::apply([&](const T&... item) { int i = 0; ((out += i++ ? "," : "", drydock::write<T>(out, item)), ...); }, value);
    out += "]}";
  }
  static std::tuple<T...> read(Reader& in) {
    const bool tagged = in.peek() == '{';
    if (tagged && in.open() != "t") throw Mismatch("no tuple");
    bool first = true;
    // Braces: the items are read from left to right.
    std::tuple<T...> out{(in.item(first), drydock::read<T>(in))...};
    in.close_list(first);
    if (tagged) in.close();
    return out;
  }
};
template <class A, class B>
struct Plain<std::pair<A, B>> {
  static void write(std::string& out, const std::pair<A, B>& value) {
    drydock::write(out, std::tuple<A, B>(value.first, value.second));
  }
  static std::pair<A, B> read(Reader& in) {
    auto [first, second] = drydock::read<std::tuple<A, B>>(in);
    return {std::move(first), std::move(second)};
  }
};

template <class T>
struct Plain<std::optional<T>> {
  static void write(std::string& out, const std::optional<T>& value) {
    if (value) drydock::write(out, *value);
    else out += "null";
  }
  static std::optional<T> read(Reader& in) {
    if (in.take_word("null")) return std::nullopt;
    return drydock::read<T>(in);
  }
};

/// std::any and boost::any, told by their type().
template <class Any>
struct Plain<Any, std::enable_if_t<std::is_same_v<decltype(std::declval<const Any&>().type()), const std::type_info&>>> {
  static void write(std::string& out, const Any& value) {
    if (value.type() == typeid(void)) out += "null";
    else if (!(bare<int>(out, value) || bare<bool>(out, value) || bare<double>(out, value) || bare<std::string>(out, value) ||
               bare<std::vector<Any>>(out, value) || named<char>(out, value) || named<float>(out, value) ||
               named<long>(out, value) || named<long long>(out, value) || named<unsigned>(out, value) ||
               named<std::vector<int>>(out, value) || named<std::vector<std::string>>(out, value) || pointer(out, value)))
      out += "{\"x\":", write_text(out, name_of(value.type())), out += '}';
  }
  static Any read(Reader& in) {
    const char next = in.peek();
    if (in.take_word("null")) return Any();
    if (next == '"') return Any(in.text());
    if (next == 't' || next == 'f') return Any(drydock::read<bool>(in));
    if (next == '[') return Any(drydock::read<std::vector<Any>>(in));
    if (next != '{') return Any(drydock::read<int>(in));
    Reader body = in;
    const std::string tag = in.open();
    if (tag == "f") return in = body, Any(drydock::read<double>(in));
    if (tag == "b") return in = body, Any(drydock::read<std::string>(in));
    if (tag != "a") mismatch(typeid(Any));
    in.need('[');
    const std::string type = in.text();
    in.need(',');
    Any out;
    if (!(is<char>(type, in, out) || is<float>(type, in, out) || is<long>(type, in, out) || is<long long>(type, in, out) ||
          is<unsigned>(type, in, out) || is<std::vector<int>>(type, in, out) || is<std::vector<std::string>>(type, in, out)))
      mismatch(typeid(Any));
    in.need(']');
    in.close();
    return out;
  }

 private:
  template <class T>
  static bool bare(std::string& out, const Any& value) {
    using std::any_cast;  // and, by its argument, boost's
    const T* held = any_cast<T>(&value);
    if (held) drydock::write<T>(out, *held);
    return held;
  }
  template <class T>
  static bool named(std::string& out, const Any& value) {
    if (value.type() != typeid(T)) return false;
    out += "{\"a\":[", write_text(out, name_of(typeid(T))), out += ',';
    bare<T>(out, value);
    out += "]}";
    return true;
  }
  static bool pointer(std::string& out, const Any& value) {
    using std::any_cast;
    const auto* held = any_cast<const char*>(&value);
    if (held) write_text(out, *held);
    return held;
  }
  template <class T>
  static bool is(const std::string& type, Reader& in, Any& out) {
    if (type != name_of(typeid(T))) return false;
    out = Any(drydock::read<T>(in));
    return true;
  }
};

/// Sends one frame. False where nobody reads any more.
bool send(int fd, std::string_view body);
/// The next frame's text; nothing where the other side has gone.
std::optional<std::string> receive(int fd);
/// {"key": text}, cut to a length that a person reads.
std::string saying(std::string_view key, std::string text);
/// The exception that is being handled, by name: "std::out_of_range: what it says".
std::string describe_exception();

constexpr int CALLS = 101, ANSWERS = 102, VERDICT = 103;

}  // namespace drydock
