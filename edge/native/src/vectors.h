// A library travels between machines, so the build assumes no more than the baseline of its architecture, and the
// wider vectors of newer x86 are chosen when it runs. (The baseline of 64-bit ARM has NEON already.) The results are
// the same to the bit: nothing is reordered or fused.
//
// EFIQA_WIDE(name, type) makes of an always-inline `name_any(type)` a function `name` that does this; EFIQA_LANES(name,
// type) of an always-inline `name_any<Bytes>(type)`, which is told how wide the vectors are.
#pragma once

#if defined(__x86_64__) && defined(__GNUC__)
#if defined(__clang__)
#define EFIQA_512 "avx512f,avx512bw,avx512vl"
#else
#define EFIQA_512 "avx512f,avx512bw,avx512vl,prefer-vector-width=512"
#endif
#define EFIQA_BY_WIDTH(name, type, narrow, wide, widest_of_all)                                                      \
    [[gnu::target("avx2")]] void name##_avx2(type job) { wide(job); }                                                \
    [[gnu::target(EFIQA_512)]] void name##_avx512(type job) { widest_of_all(job); }                                  \
    void name(type job) {                                                                                            \
        const int most = efiqa::widest();                                                                            \
        if (most >= 512) return name##_avx512(job);                                                                  \
        if (most >= 256) return name##_avx2(job);                                                                    \
        narrow(job);                                                                                                 \
    }
#else
#define EFIQA_BY_WIDTH(name, type, narrow, wide, widest_of_all) \
    void name(type job) { narrow(job); }
#endif
#define EFIQA_WIDE(name, type) EFIQA_BY_WIDTH(name, type, name##_any, name##_any, name##_any)
#define EFIQA_LANES(name, type) EFIQA_BY_WIDTH(name, type, name##_any<16>, name##_any<32>, name##_any<64>)

namespace efiqa {

// Bits of the vectors to use here: those of the machine, or fewer where EFIQA_VECTORS says so.
int widest() noexcept;

}  // namespace efiqa
