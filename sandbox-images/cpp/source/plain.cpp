#include <bits/stdc++.h>
#include <drydock/plain.hpp>

#include <cxxabi.h>
#include <unistd.h>

namespace drydock {

char Reader::peek() {
  blanks();
  if (at_ >= text_.size()) throw Malformed("the text ends early");
  return text_[at_];
}

bool Reader::take(char wanted) {
  if (peek() != wanted) return false;
  ++at_;
  return true;
}

void Reader::need(char wanted) {
  if (!take(wanted)) throw Malformed(std::string("no '") + wanted + "' where one has to be");
}

bool Reader::take_word(std::string_view word) {
  blanks();
  if (text_.substr(at_, word.size()) != word) return false;
  at_ += word.size();
  return true;
}

void Reader::end() {
  blanks();
  if (at_ != text_.size()) throw Malformed("more than one value");
}

void Reader::item(bool& first) {
  if (first) {
    if (peek() != '[') throw Mismatch("no list");
    deepen();
  }
  if (!first && peek() == ']') throw Mismatch("too few values");
  need(first ? '[' : ',');
  first = false;
  if (peek() == ']') throw Mismatch("too few values");
}

void Reader::close_list(bool first) {
  if (first) {
    need('[');
    deepen();
  }
  if (peek() != ']') throw Mismatch("too many values");
  need(']');
  --depth_;
}

std::string Reader::open() {
  need('{');
  deepen();
  std::string tag = text();
  need(':');
  return tag;
}

void Reader::close() {
  need('}');
  --depth_;
}

std::string_view Reader::number() {
  blanks();
  const std::size_t start = at_;
  at_ += at_ < text_.size() && text_[at_] == '-';
  const std::size_t whole = at_;
  digits();
  if (at_ > whole + 1 && text_[whole] == '0') throw Malformed("a number that starts with 0");
  if (at_ < text_.size() && text_[at_] == '.') ++at_, digits();
  if (at_ < text_.size() && (text_[at_] == 'e' || text_[at_] == 'E')) {
    ++at_;
    at_ += at_ < text_.size() && (text_[at_] == '+' || text_[at_] == '-');
    digits();
  }
  return text_.substr(start, at_ - start);
}

std::string Reader::text() {
  need('"');
  std::string out;
  for (;;) {
    const unsigned char c = byte();
    if (c == '"') break;
    if (c < 0x20) throw Malformed("a control character in a text");
    if (c == '\\') escape(out);
    else out += static_cast<char>(c);
  }
  if (!is_utf8(out)) throw Malformed("a text that is no UTF-8");
  return out;
}

void Reader::skip() {
  switch (peek()) {
    case '"':
      text();
      return;
    case '[':
      list([this] { skip(); });
      return;
    case '{':
      need('{');
      deepen();
      if (!take('}')) {
        do text(), need(':'), skip();
        while (take(','));
        need('}');
      }
      --depth_;
      return;
    default:
      if (!take_word("true") && !take_word("false") && !take_word("null")) number();
  }
}

void Reader::deepen() {
  if (++depth_ > MAX_DEPTH) throw Malformed("nested too deeply");
}

void Reader::blanks() {
  while (at_ < text_.size() && std::string_view(" \t\r\n").find(text_[at_]) != std::string_view::npos) ++at_;
}

unsigned char Reader::byte() {
  if (at_ >= text_.size()) throw Malformed("a text without end");
  return static_cast<unsigned char>(text_[at_++]);
}

void Reader::digits() {
  const std::size_t start = at_;
  while (at_ < text_.size() && text_[at_] >= '0' && text_[at_] <= '9') ++at_;
  if (at_ == start) throw Malformed("no value where one has to be");
}

unsigned Reader::hex4() {
  unsigned code = 0;
  for (int i = 0; i < 4; ++i) {
    const unsigned char c = byte();
    if (!std::isxdigit(c)) throw Malformed("a broken escape");
    code = code * 16 + (c <= '9' ? c - '0' : (c | 32) - 'a' + 10);
  }
  return code;
}

void Reader::escape(std::string& out) {
  static constexpr std::string_view names = "\"\\/bfnrt", meant = "\"\\/\b\f\n\r\t";
  const unsigned char c = byte();
  if (const std::size_t at = names.find(static_cast<char>(c)); at != names.npos) {
    out += meant[at];
    return;
  }
  if (c != 'u') throw Malformed("a broken escape");
  unsigned code = hex4();
  if (code >= 0xD800 && code < 0xDC00) {
    if (byte() != '\\' || byte() != 'u') throw Malformed("half a surrogate pair");
    const unsigned low = hex4();
    if (low < 0xDC00 || low > 0xDFFF) throw Malformed("half a surrogate pair");
    code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
  }  // a lone second half is no UTF-8, which `text` refuses
  if (code < 0x80) {
    out += static_cast<char>(code);
    return;
  }
  const int more = code < 0x800 ? 1 : code < 0x10000 ? 2 : 3;
  static constexpr unsigned lead[] = {0, 0xC0, 0xE0, 0xF0};
  out += static_cast<char>(lead[more] | code >> 6 * more);
  for (int i = more - 1; i >= 0; --i) out += static_cast<char>(0x80 | (code >> 6 * i & 63));
}

bool is_utf8(std::string_view text) {
  for (std::size_t i = 0; i < text.size();) {
    const unsigned char c = text[i];
    const int more = c < 0x80 ? 0 : c >= 0xC2 && c < 0xE0 ? 1 : c >= 0xE0 && c < 0xF0 ? 2 : c >= 0xF0 && c < 0xF5 ? 3 : -1;
    if (more < 0 || i + more >= text.size()) return false;
    unsigned code = more == 0 ? c : c & (63 >> more);
    for (int k = 1; k <= more; ++k) {
      const unsigned char next = text[i + k];
      if ((next & 0xC0) != 0x80) return false;
      code = code << 6 | (next & 63);
    }
    if (more == 2 && (code < 0x800 || (code >= 0xD800 && code < 0xE000))) return false;
    if (more == 3 && (code < 0x10000 || code > 0x10FFFF)) return false;
    i += more + 1;
  }
  return true;
}

void write_text(std::string& out, std::string_view text) {
  static constexpr char hex[] = "0123456789abcdef";
  if (!is_utf8(text)) {
    out += "{\"b\":\"";
    for (const unsigned char c : text) out += hex[c >> 4], out += hex[c & 15];
    out += "\"}";
    return;
  }
  out += '"';
  for (const unsigned char c : text) {
    if (c == '"' || c == '\\') out += '\\', out += static_cast<char>(c);
    else if (c < 0x20) out += "\\u00", out += hex[c >> 4], out += hex[c & 15];
    else out += static_cast<char>(c);
  }
  out += '"';
}

std::string name_of(const std::type_info& type) {
  if (type == typeid(std::string)) return "std::string";
  int status = 0;
  char* name = abi::__cxa_demangle(type.name(), nullptr, nullptr, &status);
  std::string text = status == 0 ? name : type.name();
  std::free(name);
  return text;
}

void mismatch(const std::type_info& type) { throw Mismatch("what is no " + name_of(type)); }

bool Plain<bool>::read(Reader& in) {
  if (in.take_word("true")) return true;
  if (in.take_word("false")) return false;
  // As C++ itself converts.
  const Integer value = read_integer(in, typeid(bool));
  return value.size != 0;
}

std::string Plain<std::string>::read(Reader& in) {
  if (in.peek() == '"') return in.text();
  if (in.peek() != '{' || in.open() != "b") mismatch(typeid(std::string));
  const std::string hex = in.text();
  in.close();
  std::string out;
  if (hex.size() % 2) throw Malformed("broken bytes");
  for (std::size_t i = 0; i < hex.size(); i += 2) {
    unsigned char byte = 0;
    const auto [end, error] = std::from_chars(&hex[i], &hex[i] + 2, byte, 16);
    if (error != std::errc() || end != &hex[i] + 2) throw Malformed("broken bytes");
    out += static_cast<char>(byte);
  }
  return out;
}

char Plain<char>::read(Reader& in) {
  const std::string text = drydock::read<std::string>(in);
  if (text.size() != 1) mismatch(typeid(char));
  return text[0];
}

void write_integer(std::string& out, Integer value) {
  constexpr std::uint64_t exact = (std::uint64_t{1} << 53) - 1;
  char digits[32];
  char* end = std::to_chars(digits, digits + sizeof digits, value.size, value.size > exact ? 16 : 10).ptr;
  if (value.size > exact) out += "{\"i\":\"";
  if (value.negative) out += '-';
  if (value.size > exact) out += "0x";
  out.append(digits, end);
  if (value.size > exact) out += "\"}";
}

static bool starts_number(Reader& in) { return in.peek() == '-' || (in.peek() >= '0' && in.peek() <= '9'); }

Integer read_integer(Reader& in, const std::type_info& type) {
  if (in.take_word("true")) return {false, 1};
  if (in.take_word("false")) return {false, 0};
  std::string digits;
  int base = 10;
  if (in.peek() == '{') {
    const std::string tag = in.open();
    digits = in.text();
    in.close();
    if (tag == "f") {
      const double value = std::strtod(digits.c_str(), nullptr);
      if (!(std::fabs(value) < 0x1p64) || std::trunc(value) != value) mismatch(type);
      return {value < 0, static_cast<std::uint64_t>(std::fabs(value))};
    }
    if (tag != "i") mismatch(type);
    const std::size_t sign = digits.substr(0, 1) == "-";
    if (digits.substr(sign, 2) != "0x") throw Malformed("a broken integer");
    digits.erase(sign, 2);
    base = 16;
  } else if (starts_number(in)) {
    digits = in.number();
  } else {
    mismatch(type);
  }
  const bool negative = digits[0] == '-';
  const char* end = digits.data() + digits.size();
  std::uint64_t size = 0;
  const auto [stop, error] = std::from_chars(digits.data() + negative, end, size, base);
  if (error != std::errc() || stop != end) mismatch(type);
  return {negative, size};
}

template <class T>
void Plain<T, std::enable_if_t<std::is_floating_point_v<T>>>::write(std::string& out, T value) {
  char digits[64];
  char* end = std::to_chars(digits, digits + sizeof digits, std::isnan(value) ? std::numeric_limits<T>::quiet_NaN() : value).ptr;
  out += "{\"f\":\"";
  out.append(digits, end);
  out += "\"}";
}

template <class T>
T Plain<T, std::enable_if_t<std::is_floating_point_v<T>>>::read(Reader& in) {
  std::string text;
  if (in.peek() == '{') {
    const std::string tag = in.open();
    text = in.text();
    in.close();
    if (tag != "f" && tag != "i") mismatch(typeid(T));
    if (tag == "f" && text == "nan") return std::numeric_limits<T>::quiet_NaN();
    if (tag == "f" && text == "inf") return std::numeric_limits<T>::infinity();
    if (tag == "f" && text == "-inf") return -std::numeric_limits<T>::infinity();
    if (tag == "f" && (text.empty() || !(text[0] == '-' || std::isdigit(static_cast<unsigned char>(text[0])))))
      throw Malformed("a broken number");
  } else if (in.take_word("true")) {
    return 1;
  } else if (in.take_word("false")) {
    return 0;
  } else if (starts_number(in)) {
    text = in.number();
  } else {
    mismatch(typeid(T));
  }
  // strtold reads what Python and C++ write, hexadecimal too; each type by its own function, so that it is rounded once.
  char* end = nullptr;
  T value;
  if constexpr (std::is_same_v<T, float>) value = std::strtof(text.c_str(), &end);
  else if constexpr (std::is_same_v<T, double>) value = std::strtod(text.c_str(), &end);
  else value = std::strtold(text.c_str(), &end);
  if (text.empty() || end != text.c_str() + text.size()) throw Malformed("a broken number");
  return value;
}
template struct Plain<float>;
template struct Plain<double>;
template struct Plain<long double>;

bool send(int fd, std::string_view body) {
  std::string frame;
  for (int shift = 24; shift >= 0; shift -= 8) frame += static_cast<char>(body.size() >> shift & 255);
  frame += body;
  for (std::size_t done = 0; done < frame.size();) {
    const ssize_t count = ::write(fd, frame.data() + done, frame.size() - done);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return false;
    done += static_cast<std::size_t>(count);
  }
  return true;
}

/// False at the end of the stream.
static bool receive_bytes(int fd, char* bytes, std::size_t size) {
  for (std::size_t done = 0; done < size;) {
    const ssize_t count = ::read(fd, bytes + done, size - done);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return false;
    done += static_cast<std::size_t>(count);
  }
  return true;
}

std::optional<std::string> receive(int fd) {
  char head[4];
  if (!receive_bytes(fd, head, 4)) return std::nullopt;
  std::size_t size = 0;
  for (const char byte : head) size = size << 8 | static_cast<unsigned char>(byte);
  if (size > MAX_FRAME) throw Malformed("a frame that is too large");
  std::string body;
  // In pieces, so that an announced size alone takes no memory.
  while (body.size() < size) {
    const std::size_t before = body.size();
    body.resize(std::min(size, before + (1u << 20)));
    if (!receive_bytes(fd, &body[before], body.size() - before)) return std::nullopt;
  }
  return body;
}

std::string saying(std::string_view key, std::string text) {
  text.resize(std::min<std::size_t>(text.size(), 200));
  for (int cut = 0; cut < 4 && !is_utf8(text) && !text.empty(); ++cut) text.pop_back();
  if (!is_utf8(text))
    for (char& c : text) c = static_cast<unsigned char>(c) < 0x80 ? c : '?';
  std::string out = "{";
  write_text(out, key);
  out += ':';
  write_text(out, text);
  return out + '}';
}

std::string describe_exception() {
  const std::type_info* type = abi::__cxa_current_exception_type();
  if (type == nullptr) return "terminated";
  try {
    throw;
  } catch (const std::exception& error) {
    return name_of(*type) + ": " + error.what();
  } catch (...) {
    return name_of(*type);
  }
}

}  // namespace drydock
