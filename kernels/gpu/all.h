// Every GPU kernel there is: what nvcc, NVRTC, Metal and the emulator compile.
#pragma once
#include "kernels/gpu/attention.h"
#include "kernels/gpu/cross_entropy.h"
#include "kernels/gpu/elementwise.h"
#include "kernels/gpu/embedding.h"
#include "kernels/gpu/fold.h"
#include "kernels/gpu/layernorm.h"
#include "kernels/gpu/matmul.h"
#include "kernels/gpu/optimizer.h"
#include "kernels/gpu/packed_linear.h"
#include "kernels/gpu/rope.h"
#include "kernels/gpu/softmax.h"
