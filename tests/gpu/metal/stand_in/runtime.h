// The runtime of Objective-C, as far as kernels/metal uses it: classes are tables of functions,
// objects count their references, temporaries wait in pools. It is stricter than the real one: an
// object whose last reference went away stays where it was, so that a message to it is noticed, and
// a temporary without a pool is a mistake.
#pragma once
#include <map>
#include <string>

#include "tests/gpu/metal/stand_in/books.h"

namespace glass::stand_in {

Books& books();
void mistake(const std::string& what);

struct SelectorName {
  std::string name;
};
using Selector = const SelectorName*;

using Function = void (*)();
struct ClassObject {
  std::string name;
  std::map<std::string, Function> methods;
};
using Class = ClassObject*;

struct Object {
  Class isa;
  int references = 1;
  explicit Object(const char* class_name);
  virtual ~Object() = default;
  virtual void last_reference_went() {}   // gives back what it holds
};
using Id = Object*;

Id retain(Id);
void release(Id);
Id autorelease(Id);

Class class_named(const std::string& name);
// The methods of a class itself are those of the class "NAME class".
template <class F>
void method(const char* class_name, const char* selector, F function) {
  class_named(class_name)->methods[selector] = reinterpret_cast<Function>(+function);
}
void define_classes();   // all of them, once

struct String final : Object {
  std::string text;
  explicit String(std::string t) : Object("NSString"), text(std::move(t)) {}
};
struct Error final : Object {
  std::string text;
  explicit Error(std::string t) : Object("NSError"), text(std::move(t)) {}
};

void define_metal();   // those of gpu.cpp

}   // namespace glass::stand_in
