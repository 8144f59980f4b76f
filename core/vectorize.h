// OUNCE_VECTORIZE before a function whose body is plain loops: GCC compiles it
// a second time for AVX2, where its vectors are twice as wide as the
// baseline's, and the loader takes what the CPU runs.
//
// For loops outside kernels/ whose results must be the same bits everywhere:
// wider vectors change no sum that the source orders, and "avx2" without "fma"
// lets no product be fused.  Whatever needs more than plain loops belongs in
// kernels/simd/.
#ifndef OUNCE_CORE_VECTORIZE_H_
#define OUNCE_CORE_VECTORIZE_H_

// OUNCE_VECTORIZE_PART stands before a function that such functions call in
// their loops, to be compiled as a part of each.
#define OUNCE_VECTORIZE_PART [[gnu::always_inline]] inline

// Not under a sanitizer: the loader chooses before its runtime is ready.  Tests
// there run the baseline's version of each function.
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && \
    !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define OUNCE_VECTORIZE __attribute__((target_clones("avx2", "default")))
#else
#define OUNCE_VECTORIZE
#endif

// OUNCE_KEEP_LOOP stands before a loop of few rounds that GCC would unroll
// before it looks for vectors, and then find none.
#if defined(__GNUC__) && !defined(__clang__)
#define OUNCE_KEEP_LOOP _Pragma("GCC unroll 1")
#else
#define OUNCE_KEEP_LOOP
#endif

#endif  // OUNCE_CORE_VECTORIZE_H_
