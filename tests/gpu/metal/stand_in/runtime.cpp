#include "tests/gpu/metal/stand_in/runtime.h"

#include <cstdio>
#include <cstdlib>
#include <memory>
#include <utility>
#include <vector>

namespace glass::stand_in {
namespace {

std::vector<std::vector<Id>>& pools() {
  static std::vector<std::vector<Id>> all;
  return all;
}

// What Objective-C does, too: it ends the program.
void no_such_method(Id object, Selector selector) {
  std::fprintf(stderr, "stand-in for Metal: -[%s %s]: unrecognized selector\n",
               object->isa->name.c_str(), selector->name.c_str());
  std::abort();
}

}   // namespace

Books& books() {
  static Books all;
  return all;
}
void mistake(const std::string& what) { books().mistakes.push_back(what); }

Object::Object(const char* class_name) : isa(stand_in::class_named(class_name)) {
  static std::vector<std::unique_ptr<Object>> everyone;   // who is released stays, and is found out
  everyone.emplace_back(this);
  ++books().live_objects;
}

Id retain(Id o) {
  if (o) ++o->references;
  return o;
}
void release(Id o) {
  if (!o || o->references <= 0 || --o->references > 0) return;
  --books().live_objects;
  o->last_reference_went();
}
Id autorelease(Id o) {
  if (pools().empty())
    mistake("a temporary " + o->isa->name + " was made outside of any pool: it is never released");
  else pools().back().push_back(o);
  return o;
}

Class class_named(const std::string& name) {
  static std::map<std::string, std::unique_ptr<ClassObject>> all;
  std::unique_ptr<ClassObject>& found = all[name];
  if (!found) {
    found = std::make_unique<ClassObject>();
    found->name = name;
    // Every object has these.
    method(name.c_str(), "retain", [](Id o, Selector) { return retain(o); });
    method(name.c_str(), "release", [](Id o, Selector) { release(o); });
  }
  return found.get();
}

void define_classes() {
  static bool defined = false;
  if (std::exchange(defined, true)) return;
  define_metal();
  method("NSString class", "stringWithUTF8String:", [](Id, Selector, const char* text) {
    return autorelease(new String(text));
  });
  method("NSString", "UTF8String", [](String* s, Selector) { return s->text.c_str(); });
  method("NSError", "localizedDescription",
         [](Error* e, Selector) { return autorelease(new String(e->text)); });
}

}   // namespace glass::stand_in

// The functions of libobjc.
using namespace glass::stand_in;
#define GLASS_OF_OBJC extern "C" __attribute__((visibility("default")))

GLASS_OF_OBJC Class objc_getClass(const char* name) {
  define_classes();
  static std::map<std::string, Id> objects;   // a class is an object, too
  Id& object = objects[name];
  if (!object) {
    object = new Object((std::string(name) + " class").c_str());
    --books().live_objects;   // it was always there
  }
  return reinterpret_cast<Class>(object);
}
GLASS_OF_OBJC Selector sel_registerName(const char* name) {
  static std::map<std::string, SelectorName> all;
  SelectorName& selector = all[name];
  selector.name = name;
  return &selector;
}
GLASS_OF_OBJC Class object_getClass(Id object) {
  if (object->references <= 0)
    mistake("a message to a " + object->isa->name + " that nobody holds any more");
  return object->isa;
}
GLASS_OF_OBJC Function class_getMethodImplementation(Class of, Selector selector) {
  const auto found = of->methods.find(selector->name);
  return found == of->methods.end() ? reinterpret_cast<Function>(no_such_method) : found->second;
}
GLASS_OF_OBJC void* objc_autoreleasePoolPush() {
  pools().emplace_back();
  return reinterpret_cast<void*>(pools().size());
}
GLASS_OF_OBJC void objc_autoreleasePoolPop(void* mark) {
  while (pools().size() >= reinterpret_cast<std::size_t>(mark)) {
    const std::vector<Id> temporaries = std::move(pools().back());
    pools().pop_back();
    for (const Id o : temporaries) release(o);
  }
}
GLASS_OF_OBJC Books* metal_stand_in_books() { return &books(); }
