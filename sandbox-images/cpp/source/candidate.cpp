#include <bits/stdc++.h>
#include <drydock/plain.hpp>

#include <unistd.h>

namespace drydock {

std::function<std::string(Reader&)> served __attribute__((init_priority(101)));

static bool ready = false;

/// The last words of a program that ends by an exception.
[[noreturn]] static void terminated() {
  const std::string error = saying("e", describe_exception());
  send(ANSWERS, ready ? error : "{\"stage\":\"load\"," + error.substr(1));
  _exit(1);
}
/// Before any of the program's own initialisers.
[[gnu::constructor(102)]] static void watch() { std::set_terminate(terminated); }

int serve() {
  ready = true;
  send(ANSWERS, "{\"ready\":true}");
  while (const std::optional<std::string> call = receive(CALLS)) {
    std::string reply;
    try {
      Reader in(*call);
      if (in.open() != "a") throw Malformed("a call without arguments");
      reply = served(in);
    } catch (const Mismatch& error) {
      reply = saying("e", std::string("TypeError: called with ") + error.what());
    } catch (...) {
      reply = saying("e", describe_exception());
    }
    if (!send(ANSWERS, reply)) break;
  }
  return 0;
}

}  // namespace drydock
