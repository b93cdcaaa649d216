#include "causes/matrix.h"

#include "lanes.h"
#include "vectors.h"

namespace efiqa {
namespace {

template <int Bytes>
[[gnu::always_inline]] inline void multiply_wide_any(const Product &job) {
    using Some = Lanes<Bytes>;
    using Vector = typename Some::Vector;
    constexpr int64_t more = Bytes < 64 ? Some::number : 0;  // a second vector beside the first, where they are short
    const Matrix &right = job.right;
    for (int64_t k = 0; k < job.out.rows; k += 4) {
        const float *a = job.left + k * job.apart, *b = a + job.apart, *c = b + job.apart, *d = c + job.apart;
        for (int64_t x = 0; x < right.columns; x += Some::number + more) {
            Vector a1 = {}, b1 = {}, c1 = {}, d1 = {}, a2 = {}, b2 = {}, c2 = {}, d2 = {};
            const float *from = right.values.data() + x;
            for (int64_t i = 0; i < right.rows; ++i, from += right.stride) {
                const Vector one = Some::load(from);
                a1 = add(a1, a[i], one), b1 = add(b1, b[i], one), c1 = add(c1, c[i], one), d1 = add(d1, d[i], one);
                if (more == 0) continue;
                const Vector two = Some::load(from + more);
                a2 = add(a2, a[i], two), b2 = add(b2, b[i], two), c2 = add(c2, c[i], two), d2 = add(d2, d[i], two);
            }
            float *to = job.out.row(k) + job.column + x;
            const int64_t stride = job.out.stride;
            Some::store(to, a1), Some::store(to + stride, b1);
            Some::store(to + 2 * stride, c1), Some::store(to + 3 * stride, d1);
            if (more == 0) continue;
            to += more;
            Some::store(to, a2), Some::store(to + stride, b2);
            Some::store(to + 2 * stride, c2), Some::store(to + 3 * stride, d2);
        }
    }
}

EFIQA_LANES(multiply_wide, const Product &)

}  // namespace

void multiply(const Product &job) { multiply_wide(job); }

}  // namespace efiqa
