// An allocator for small objects that come and go all the time: what one gives back the next one gets, so that a
// steady step asks the system for none. Blocks are never returned; there are as many as were ever alive at once.
#pragma once
#include <cstddef>
#include <mutex>
#include <new>

namespace glass {

// Blocks of one size that nobody uses at the moment; each holds the address of the next.
template <std::size_t bytes>
class FreeBlocks {
 public:
  static FreeBlocks& instance() {
    static FreeBlocks* const all = new FreeBlocks;           // outlives every object that may still be released
    return *all;
  }
  void* take() {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (!first_) return ::operator new(bytes);
    Block* const block = first_;
    first_ = block->next;
    return block;
  }
  void give(void* block) noexcept {
    const std::lock_guard<std::mutex> lock(mutex_);
    first_ = new (block) Block{first_};
  }

 private:
  struct Block { Block* next; };
  static_assert(bytes >= sizeof(Block));
  std::mutex mutex_;
  Block* first_ = nullptr;
};

// For std::allocate_shared, which asks for one object at a time.
template <class T>
struct Recycled {
  using value_type = T;
  static_assert(alignof(T) <= __STDCPP_DEFAULT_NEW_ALIGNMENT__, "blocks come from plain operator new");

  Recycled() = default;
  template <class U>
  Recycled(const Recycled<U>&) {}                            // NOLINT: what an allocator has to have

  T* allocate(std::size_t) { return static_cast<T*>(FreeBlocks<sizeof(T)>::instance().take()); }
  void deallocate(T* object, std::size_t) noexcept { FreeBlocks<sizeof(T)>::instance().give(object); }
  template <class U>
  bool operator==(const Recycled<U>&) const { return true; }
};

}  // namespace glass
