#include "kernels/metal/objective_c.h"

#include <dlfcn.h>

#include <cstdlib>
#include <stdexcept>
#include <utility>

namespace glass::metal {
namespace {

constexpr const char* kRuntime = "/usr/lib/libobjc.A.dylib";
constexpr const char* kMetal = "/System/Library/Frameworks/Metal.framework/Metal";
// Without it MTLCreateSystemDefaultDevice finds nothing in a program that has no window.
constexpr const char* kCoreGraphics =
    "/System/Library/Frameworks/CoreGraphics.framework/CoreGraphics";

void* open_library(const char* path) {
  if (void* library = dlopen(path, RTLD_NOW | RTLD_LOCAL)) return library;
  const char* why = dlerror();
  throw std::runtime_error("Metal cannot be opened (" + std::string(why ? why : path) + ")");
}

template <class Function>
void find(void* library, const char* name, Function& function) {
  function = reinterpret_cast<Function>(dlsym(library, name));
  if (!function)
    throw std::runtime_error("what stands for the runtime of Objective-C lacks " + std::string(name));
}

}   // namespace

ObjectiveC::ObjectiveC() {
  const char* instead = std::getenv("GLASS_METAL");
  const bool stand_in = instead && *instead;
#ifndef __APPLE__
  if (!stand_in)
    throw std::runtime_error(
        "GPUs of Apple are reached through macOS, and this system is another one");
#endif
  void* const runtime = open_library(stand_in ? instead : kRuntime);
  void* const metal = stand_in ? runtime : open_library(kMetal);
  if (!stand_in) open_library(kCoreGraphics);
  find(runtime, "objc_getClass", get_class_);
  find(runtime, "sel_registerName", register_name_);
  find(runtime, "object_getClass", class_of_);
  find(runtime, "class_getMethodImplementation", find_method_);
  find(runtime, "objc_autoreleasePoolPush", push_pool_);
  find(runtime, "objc_autoreleasePoolPop", pop_pool_);
  find(metal, "MTLCreateSystemDefaultDevice", default_gpu_);
}

ObjectiveC::Function ObjectiveC::method_of(Id to, Selector selector, const char* name) const {
  if (!to) throw std::logic_error("metal: nobody gets the message " + std::string(name));
  return find_method_(class_of_(to), selector);
}

Id ObjectiveC::class_named(const char* name) const {
  return reinterpret_cast<Id>(get_class_(name));
}

Id ObjectiveC::string(std::string_view text) const {
  return send<Id>(class_named("NSString"), "stringWithUTF8String:", std::string(text).c_str());
}
std::string ObjectiveC::text(Id string) const {
  const char* const bytes = string ? send<const char*>(string, "UTF8String") : nullptr;
  return bytes ? bytes : "";
}
std::string ObjectiveC::description(Id error) const {
  return error ? text(send<Id>(error, "localizedDescription")) : "no reason is given";
}

Ref& Ref::operator=(Ref&& other) noexcept {
  std::swap(objc_, other.objc_);
  std::swap(id_, other.id_);
  return *this;
}
void Ref::reset() noexcept {
  if (id_) send("release");
  id_ = nullptr;
}

}   // namespace glass::metal
