// A GPU as a Backend: every function turns its Views into the arguments of a kernel and starts it.
// Which GPU it is, the Device knows. The kernels are in the headers of this folder, what starts
// them in the .cpp beside each.
#pragma once
#include <algorithm>
#include <memory>
#include <mutex>
#include <vector>

#include "kernels/backend.h"
#include "kernels/gpu/device.h"
#include "kernels/gpu/device_memory.h"
#include "kernels/gpu/device_table.h"

namespace glass {

namespace gpu {
struct EmbeddingArgs;
struct Draws;
struct FoldArgs;
struct MatmulArgs;
class Workspace;
}   // namespace gpu

class GpuBackend final : public Backend {
 public:
  explicit GpuBackend(std::unique_ptr<gpu::Device> device);
  ~GpuBackend() override;

  gpu::Device& device() { return *device_; }

  const char* name() const override;
  bool supports(DType) const override;

  std::byte* allocate(std::size_t bytes) override;
  void release(std::byte*, std::size_t bytes) noexcept override;
  void upload(std::byte* to, const void* host, std::size_t bytes) override;
  void fetch(const Fetch* pieces, int count) override;
  void wait() override;
  MemoryUse memory_use() const override;
  std::size_t chunk_bytes() const override;

  void fill(View y, double c) override;
  void copy(Into y, View x) override;
  void affine(Into y, View x, double scale, double shift) override;
  void map(Unary f, View y, View x) override;
  void map_backward(Unary f, Into dx, View dy, View x) override;
  void zip(Binary f, Into y, View a, View b) override;
  void fold(Fold f, Into y, View x) override;
  void matmul(Into c, View a, View b) override;
  void gather(View y, View table, View ids) override;
  void scatter_add(Into table, View ids, View y) override;

  void linear(View y, View x, View w, View bias) override;
  void linear_packed(View y, View x, PackedWeight w, View bias) override;
  void swiglu(View y, View gate, View up) override;
  void swiglu_backward(Into dgate, Into dup, View dy, View gate, View up) override;
  void softmax(View y, View x) override;
  void softmax_backward(Into dx, View dy, View y) override;
  void layernorm(View y, View mean, View rstd, View x, View w, View b, double eps) override;
  void layernorm_backward(Into dx, Into dw, Into db, View dy, View x, View w, View mean,
                          View rstd) override;
  void rmsnorm(View y, View rstd, View x, View w, double eps) override;
  void rmsnorm_backward(Into dx, Into dw, View dy, View x, View w, View rstd) override;
  void attention(View y, View lse, View q, View k, View v, const Attention&) override;
  void attention_backward(Into dq, Into dk, Into dv, View dy, View y, View lse, View q, View k,
                          View v, const Attention&) override;
  void rope(Into y, View x, double base, std::int64_t position, bool inverse) override;
  void dropout(Into y, View x, double p, RandomKey key) override;
  void cross_entropy(View loss, View lse, View logits, View targets, std::int64_t ignore) override;
  void cross_entropy_backward(Into dlogits, View dloss, View logits, View lse, View targets,
                              std::int64_t ignore) override;

  void global_norm(View norm, const View* grads, int count) override;
  void adamw(const AdamWItem* items, int count, View numbers, View norm, View skipped) override;

 private:
  void launch_raw(const char* kernel, const void* args, std::size_t bytes, gpu::Grid grid);
  template <class Args>
  void launch(const char* kernel, const Args& args, gpu::Grid grid) {
    launch_raw(kernel, &args, sizeof args, grid);
  }
  // A batch lies along the third axis of a grid, along which a GPU starts 65,535 groups at most.
  // Where there are more, it takes several launches, each of which is told where it begins.
  template <class Args>
  void launch_batch(const char* kernel, Args args, gpu::Grid grid) {
    const unsigned all = grid.z, most = device_->most_in_depth();
    for (args.first = 0; args.first < all; args.first += grid.z) {
      grid.z = std::min(most, all - args.first);
      launch(kernel, args, grid);
    }
  }
  template <class Args>
  void each_element(const char* kernel, const Args& args);
  void product(const char* op, gpu::MatmulArgs, View c);
  void product_on_blocks(const char* op, gpu::MatmulArgs, View c);
  void fold_partial(gpu::FoldArgs, unsigned segments);
  void fold_segments(const char* op, Into y, float* partial, unsigned segments);
  const unsigned* order_ids(const gpu::EmbeddingArgs&, const gpu::Workspace& room);
  gpu::Draws draws_of(const RandomKey& key, double dropped);
  const std::uint64_t* turns(double base, unsigned D);
  View contiguous_copy(gpu::Workspace& to, View from);
  void norm_weight(const char* op, Into dw, Into db, View dy, View x, View mean, View rstd);

  unsigned* fault(unsigned which) const { return faults_ + which; }
  void refuse_faults(const unsigned* found);
  void check_faults_at_once();   // where a launch has run when it returns

  std::unique_ptr<gpu::Device> device_;
  gpu::DeviceMemory memory_;
  unsigned* faults_;   // on the device, one for each gpu::Fault
  unsigned* now_;      // on the device: step and micro of the random numbers
  unsigned now_there_[2] = {};
  std::mutex now_mutex_;
  gpu::DeviceTable norm_parts_, adamw_parts_;

  struct Turns {
    double base;
    unsigned D;
    std::byte* data;
    std::size_t bytes;
  };
  std::vector<Turns> turns_;   // for every kind of rope so far
  std::mutex turns_mutex_;
};

}   // namespace glass
