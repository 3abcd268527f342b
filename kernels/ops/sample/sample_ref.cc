#include <algorithm>
#include <cmath>
#include <limits>

#include "kernels/core/scalar.h"
#include "kernels/core/typed_kernel.h"
#include "kernels/ops/sample/sample.h"
#include "kernels/simd/philox.h"
#include "kernels/simd/select.h"

namespace strata {
namespace {

using Rank = RankOf<double>;

// A row's tokens by rank, one after the other. (Slow, and needs no memory.)
template <class T>
struct Row {
  const T* logits;
  int64_t size;
  double temperature, most;

  double Weight(size_t i) const { return std::exp(ToDouble(logits[i]) / temperature - most); }
  Rank::Key After(Rank::Key before) const {
    Rank::Key best = 0;
    for (int64_t i = 0; i < size; ++i) {
      const Rank::Key key = Rank::Of(ToDouble(logits[i]), static_cast<size_t>(i), true);
      if (key < before) best = std::max(best, key);
    }
    return best;
  }
  // Adds weights in order of rank until `sum` passes or `count` are added; the last token added.
  size_t Walk(int64_t count, double enough, bool or_equal, double* sum, int64_t* added) const {
    Rank::Key key = ~Rank::Key{0};
    size_t token = 0;
    *sum = 0;
    for (*added = 0; *added < count;) {
      key = After(key);
      token = Rank::Index(key);
      *sum += Weight(token);
      ++*added;
      if (or_equal ? *sum >= enough : *sum > enough) break;
    }
    return token;
  }
};

template <class T>
size_t Draw(const Row<T>& row, int64_t top_k, double top_p, double u) {
  constexpr double kAll = std::numeric_limits<double>::infinity();
  const bool cut = top_k > 0 && top_k < row.size;
  double total = 0;
  for (int64_t i = 0; i < row.size; ++i) total += row.Weight(static_cast<size_t>(i));
  if (!cut && !(top_p < 1)) {
    double sum = 0;
    size_t token = 0;
    for (size_t i = 0; i < static_cast<size_t>(row.size) && sum <= u * total; ++i) {
      if (row.Weight(i) > 0) token = i;
      sum += row.Weight(i);
    }
    return token;
  }
  int64_t count = cut ? top_k : row.size;
  double sum = total;
  if (cut) row.Walk(count, kAll, true, &sum, &count);
  if (top_p < 1) row.Walk(count, top_p * sum, true, &sum, &count);
  return row.Walk(count, u * sum, false, &sum, &count);
}

}  // namespace

void SampleRef(const OpContext&, const TensorView& logits, const TensorView& seed, const TensorView& position,
               const TensorView* temperature, const TensorView* top_k, const TensorView* top_p,
               const TensorView& token) {
  DispatchFloat(logits.dtype, [&](auto type) {
    using T = decltype(type);
    for (int64_t b = 0; b < logits.size(0); ++b) {
      Row<T> row{logits.In<T>() + b * logits.size(1), logits.size(1),
                 temperature == nullptr ? 1.0 : temperature->In<float>()[b], 0};
      const size_t first = Rank::Index(row.After(~Rank::Key{0}));
      row.most = ToDouble(row.logits[first]) / row.temperature;
      const auto words = PhiloxBlock(static_cast<uint64_t>(seed.In<int64_t>()[b]), kSampleStream,
                                     static_cast<uint64_t>(position.In<int64_t>()[b]));
      const bool greedy = !(row.temperature > 0) || !std::isfinite(row.most);
      const size_t drawn =
          greedy ? first
                 : Draw(row, top_k == nullptr ? 0 : top_k->In<int64_t>()[b],
                        top_p == nullptr ? 1.0 : top_p->In<float>()[b], UniformDouble(words[0], words[1]));
      token.Out<int64_t>()[b] = static_cast<int64_t>(drawn);
    }
  });
}

}  // namespace strata
