// Products of blocks on Hopper: a warpgroup, four warps, starts an instruction that reads both
// factors from the group's memory and leaves 64 by 128 sums in the registers of its lanes, in the
// very places where tiles have them. (PTX ISA, "Asynchronous warpgroup level matrix instructions".)
#pragma once

namespace glass {
namespace gpu {

// A warpgroup has 64 rows, each of its warps 16 of them.
GPU_FN uint piece_row(Thread t, uint) { return t.warp * 16; }
GPU_FN uint piece_col(Thread, uint i) { return i * 16; }

// What wgmma is told about a factor (PTX ISA, "Matrix descriptor"): where it begins, in units of 16
// bytes; how far it is to the next block of 64 columns, where a factor lies across; how far to the
// next 8 rows; and that pieces have changed places within 128 bytes.
GPU_FN unsigned long long block_descriptor(const bf16* block) {
  const unsigned long long start = (shared_address(block) & 0x3ffff) >> 4,
                           next_block = kBlockNumbers * 2 >> 4, next_rows = 8 * kBlock * 2 >> 4,
                           swizzle_128 = 1;
  return start | next_block << 16 | next_rows << 32 | swizzle_128 << 62;
}

// Our writes to the group's memory become visible to the matrix unit, which reads it another way.
GPU_FN void blocks_ready() { asm volatile("fence.proxy.async.shared::cta;" ::: "memory"); }

template <Lies lies_a, Lies lies_b>
GPU_FN void multiply_blocks(Thread t, Sums& c, const bf16* A, const bf16* B) {
  asm volatile("wgmma.fence.sync.aligned;" ::: "memory");
  UNROLL for (uint k = 0; k < kBlock; k += 16) {
    const bf16* a = A + t.warp / 4 * kBlockNumbers + (lies_a == kAlong ? k : k * kBlock);
    const bf16* b = B + (lies_b == kAlong ? k : k * kBlock);
#define GLASS_TILE(i)                                                                     \
  "+f"(c.tile[i].v[0]), "+f"(c.tile[i].v[1]), "+f"(c.tile[i].v[2]), "+f"(c.tile[i].v[3]), \
      "+f"(c.tile[i].v[4]), "+f"(c.tile[i].v[5]), "+f"(c.tile[i].v[6]), "+f"(c.tile[i].v[7])
    asm volatile(
        "wgmma.mma_async.sync.aligned.m64n128k16.f32.bf16.bf16 "
        "{%0,%1,%2,%3,%4,%5,%6,%7,%8,%9,%10,%11,%12,%13,%14,%15,"
        "%16,%17,%18,%19,%20,%21,%22,%23,%24,%25,%26,%27,%28,%29,%30,%31,"
        "%32,%33,%34,%35,%36,%37,%38,%39,%40,%41,%42,%43,%44,%45,%46,%47,"
        "%48,%49,%50,%51,%52,%53,%54,%55,%56,%57,%58,%59,%60,%61,%62,%63}, "
        "%64, %65, 1, 1, 1, %66, %67;"
        : GLASS_TILE(0), GLASS_TILE(1), GLASS_TILE(2), GLASS_TILE(3), GLASS_TILE(4), GLASS_TILE(5),
          GLASS_TILE(6), GLASS_TILE(7)
        : "l"(block_descriptor(a)), "l"(block_descriptor(b)), "n"(lies_a == kAcross),
          "n"(lies_b == kAcross));
#undef GLASS_TILE
  }
  asm volatile("wgmma.commit_group.sync.aligned;" ::: "memory");
  asm volatile("wgmma.wait_group.sync.aligned 0;" ::: "memory");
}

}   // namespace gpu
}   // namespace glass
