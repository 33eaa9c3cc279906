// The whole test harness: checks that say where they stand, and a table of named cases.
//
// A file of tests ends with
//   const Group group{"planes", {{"grow keeps addresses", grow_keeps_addresses}, ...}};
// and main.cpp runs every group, or those whose "group: case" contains a word of the command line. A
// failed check is printed and counted, and the case goes on; so checks may stand in threads.
#pragma once

#include <cmath>
#include <initializer_list>
#include <source_location>
#include <string>
#include <vector>

namespace nearfield::test {

using Where = std::source_location;

struct Case {
  std::string name;
  void (*run)();
};

struct Group {
  Group(const char* group, std::initializer_list<Case> cases);
};

void fail(const std::string& message, const Where& where);  // thread-safe

inline bool check(bool good, const std::string& message, const Where& where = Where::current()) {
  if (!good) fail(message, where);
  return good;
}

template <class A, class B>
bool check_equal(const A& found, const B& expected, const std::string& what, const Where& where = Where::current()) {
  if (found == expected) return true;
  fail(what + ": found " + std::to_string(found) + ", expected " + std::to_string(expected), where);
  return false;
}

// |found - expected| <= limit; false for NaN.
inline bool check_near(double found, double expected, double limit, const std::string& what,
                       const Where& where = Where::current()) {
  if (std::fabs(found - expected) <= limit) return true;
  fail(what + ": found " + std::to_string(found) + ", expected " + std::to_string(expected) + " within " +
           std::to_string(limit),
       where);
  return false;
}

// `function` throws an E whose message contains `part`.
template <class E, class Function>
bool check_throws(const Function& function, const std::string& part = "", const Where& where = Where::current()) {
  try {
    function();
  } catch (const E& error) {
    const std::string message = error.what();
    return check(message.find(part) != std::string::npos, "the error says '" + message + "', not '" + part + "'",
                 where);
  }
  fail("nothing was thrown", where);
  return false;
}

}  // namespace nearfield::test
