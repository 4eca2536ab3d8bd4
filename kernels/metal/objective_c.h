// Objective-C without its compiler: Apple's frameworks are objects with methods that are looked up
// by name when the program runs, and the runtime that looks them up is a C library. So plain C++
// can open it, ask for a method's address, and call that as what it is, a C function. No header of
// Apple is needed, and this file compiles anywhere.
#pragma once
#include <string>
#include <string_view>

namespace glass::metal {

using Id = struct Object*;   // any object; nil is nullptr
using Class = struct ClassObject*;
using Selector = struct SelectorName*;   // the name of a method, looked up once

class ObjectiveC {
 public:
  // Opens the runtime and Metal. Throws std::runtime_error, one sentence, where they are not: on
  // every system but macOS. GLASS_METAL in the environment names a library to open instead of both;
  // tests have one that stands in for them.
  ObjectiveC();

  // send<long>(object, "add:to:", a, b) is what Objective-C writes as [object add:a to:b], with a
  // long for a result. The method's function is called with exactly these types, so they have to be
  // the method's: NSUInteger is an unsigned long, BOOL a bool.
  template <class Result = void, class... Args>
  Result send(Id to, const char* name, Args... args) const {
    const Selector selector = register_name_(name);
    using Method = Result (*)(Id, Selector, Args...);
    return reinterpret_cast<Method>(method_of(to, selector, name))(to, selector, args...);
  }
  Id class_named(const char* name) const;   // a class is an object, too
  Id default_gpu() const { return default_gpu_(); }

  // A string of Cocoa, which the innermost Pool releases; and back.
  Id string(std::string_view text) const;
  std::string text(Id string) const;
  std::string description(Id error) const;   // what an NSError says

 private:
  friend class Pool;
  using Function = void (*)();
  Function method_of(Id, Selector, const char* name) const;

  Class (*get_class_)(const char*) = nullptr;
  Selector (*register_name_)(const char*) = nullptr;
  Class (*class_of_)(Id) = nullptr;
  Function (*find_method_)(Class, Selector) = nullptr;
  void* (*push_pool_)() = nullptr;
  void (*pop_pool_)(void*) = nullptr;
  Id (*default_gpu_)() = nullptr;
};

// Methods whose names do not begin with new, alloc or copy return temporaries. They live as long as
// the innermost Pool; without one, forever.
class Pool {
 public:
  explicit Pool(const ObjectiveC& objc) : objc_(objc), mark_(objc.push_pool_()) {}
  ~Pool() { objc_.pop_pool_(mark_); }
  Pool(const Pool&) = delete;
  Pool& operator=(const Pool&) = delete;

 private:
  const ObjectiveC& objc_;
  void* mark_;
};

// An object that is ours: the count of its references goes down by one when this goes away.
class Ref {
 public:
  Ref() = default;
  Ref(const ObjectiveC& objc, Id owned) : objc_(&objc), id_(owned) {}
  // For a temporary that has to outlive its pool.
  static Ref retained(const ObjectiveC& objc, Id temporary) {
    return {objc, objc.send<Id>(temporary, "retain")};
  }
  Ref(Ref&& other) noexcept : objc_(other.objc_), id_(other.id_) { other.id_ = nullptr; }
  Ref& operator=(Ref&& other) noexcept;
  ~Ref() { reset(); }

  void reset() noexcept;
  Id id() const { return id_; }
  explicit operator bool() const { return id_ != nullptr; }
  template <class Result = void, class... Args>
  Result send(const char* name, Args... args) const {
    return objc_->send<Result>(id_, name, args...);
  }

 private:
  const ObjectiveC* objc_ = nullptr;
  Id id_ = nullptr;
};

}   // namespace glass::metal
