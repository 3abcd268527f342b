// Every element of a view is the element of its input that the definition of the view names.
#include "systems/runtime/views.h"

#include <gtest/gtest.h>

#include <numeric>
#include <random>
#include <vector>

namespace strata::runtime {
namespace {

TensorView Sized(std::initializer_list<int64_t> sizes) { return MakeView(nullptr, DType::kF32, sizes); }

std::vector<int64_t> IndexOf(const TensorView& view, int64_t element) {
  std::vector<int64_t> index(static_cast<size_t>(view.rank));
  for (int d = view.rank - 1; d >= 0; --d) {
    index[static_cast<size_t>(d)] = element % view.size(d);
    element /= view.size(d);
  }
  return index;
}

int64_t PlaceOf(const TensorView& view, const std::vector<int64_t>& index) {
  int64_t place = 0;
  for (int d = 0; d < view.rank; ++d) place += index[static_cast<size_t>(d)] * view.stride(d);
  return place;
}

Step Of(Step::Kind kind) {
  Step step;
  step.kind = kind;
  return step;
}

Step SliceOf(int dim, int64_t start, int64_t every) {
  Step step = Of(Step::Kind::kSlice);
  step.slice_dim = dim;
  step.slice_start = SizeExpr(start);
  step.slice_step = SizeExpr(every);
  return step;
}

// A permuted, stepped slice of a larger tensor: strides as views of views have them.
TensorView Strided(std::mt19937& random) {
  TensorView view;
  view.dtype = DType::kF32;
  view.rank = 1 + static_cast<int>(random() % 4);
  std::vector<size_t> order(static_cast<size_t>(view.rank));
  std::iota(order.begin(), order.end(), size_t{0});
  std::shuffle(order.begin(), order.end(), random);
  int64_t stride = 1;
  for (const size_t d : order) {
    view.sizes[d] = 1 + static_cast<int64_t>(random() % 4);
    view.strides[d] = stride * (random() % 3 == 0 ? 2 : 1);
    stride = view.strides[d] * view.sizes[d];
  }
  return view;
}

TEST(Views, AReshapeKeepsTheElementsInTheirOrderOrIsRefused) {
  std::mt19937 random(1);
  int seen = 0;
  for (int round = 0; round < 20000; ++round) {
    const TensorView in = round % 4 ? Strided(random) : Sized({2, 3, 4});
    // The sizes of `in`, some neighbours joined, or one cut in two, and ones put in; kMaxRank dims at most.
    TensorView view;
    view.dtype = DType::kF32;
    view.rank = 0;
    const auto push = [&view](int64_t size) { view.sizes[static_cast<size_t>(view.rank++)] = size; };
    for (int d = 0; d < in.rank; ++d) {
      int64_t size = in.size(d);
      while (d + 1 < in.rank && random() % 2) size *= in.size(++d);
      if (view.rank < 3 && random() % 4 == 0) push(1);
      if (view.rank < 4 && size % 2 == 0 && random() % 2) {
        push(2);
        size /= 2;
      }
      push(size);
    }
    const std::optional<size_t> offset = LookAt(Of(Step::Kind::kReshape), in, {}, &view);
    if (!offset) {
      ASSERT_FALSE(IsContiguous(in));
      continue;
    }
    ++seen;
    ASSERT_EQ(*offset, 0u);
    for (int64_t e = 0; e < in.numel(); ++e) {
      ASSERT_EQ(PlaceOf(view, IndexOf(view, e)), PlaceOf(in, IndexOf(in, e))) << ShapeText(in) << ShapeText(view);
    }
  }
  EXPECT_GT(seen, 5000);
}

TEST(Views, AReshapeOfWhatLiesInRowsSplitsTheLastDimWithoutACopy) {
  TensorView in = Sized({5, 12});
  in.strides[0] = 36;  // a third of a wider tensor's columns
  TensorView heads = Sized({5, 3, 4});
  ASSERT_TRUE(LookAt(Of(Step::Kind::kReshape), in, {}, &heads));
  EXPECT_EQ(heads.stride(0), 36);
  EXPECT_EQ(heads.stride(1), 4);
  TensorView flat = Sized({60});
  EXPECT_FALSE(LookAt(Of(Step::Kind::kReshape), in, {}, &flat));
  TensorView other = Sized({5, 11});
  EXPECT_FALSE(LookAt(Of(Step::Kind::kReshape), in, {}, &other));
}

TEST(Views, ASliceTakesEveryNthElementAndStaysInside) {
  for (int64_t size = 0; size < 7; ++size) {
    for (int64_t start = 0; start < 8; ++start) {
      for (int64_t every = 1; every < 5; ++every) {
        for (int64_t taken = 0; taken < 7; ++taken) {
          const TensorView in = Sized({2, size, 3});
          TensorView view = Sized({2, taken, 3});
          const std::optional<size_t> offset = LookAt(SliceOf(1, start, every), in, {}, &view);
          const bool inside = start <= size && (taken == 0 || start + (taken - 1) * every < size);
          ASSERT_EQ(offset.has_value(), inside) << size << " " << start << " " << every << " " << taken;
          for (int64_t e = 0; inside && e < view.numel(); ++e) {
            std::vector<int64_t> index = IndexOf(view, e);
            const int64_t place = PlaceOf(view, index) + static_cast<int64_t>(*offset / sizeof(float));
            index[1] = start + index[1] * every;
            ASSERT_EQ(place, PlaceOf(in, index));
          }
        }
      }
    }
  }
  TensorView view = Sized({2, 1});
  EXPECT_FALSE(LookAt(SliceOf(1, 0, 0), Sized({2, 3}), {}, &view));
  EXPECT_FALSE(LookAt(SliceOf(2, 0, 1), Sized({2, 3}), {}, &view));
  view = Sized({2, 2});
  EXPECT_FALSE(LookAt(SliceOf(1, 0, int64_t{1} << 40), Sized({2, 3}), {}, &view));
}

TEST(Views, APermutationAndABroadcastFindTheirElements) {
  Step permute = Of(Step::Kind::kPermute);
  permute.permutation = {2, 0, 1, -1, -1, -1, -1, -1};
  const TensorView in = Sized({2, 3, 4});
  TensorView turned = Sized({4, 2, 3});
  ASSERT_TRUE(LookAt(permute, in, {}, &turned));
  for (int64_t e = 0; e < in.numel(); ++e) {
    const std::vector<int64_t> at = IndexOf(turned, e);
    ASSERT_EQ(PlaceOf(turned, at), PlaceOf(in, {at[1], at[2], at[0]}));
  }
  turned = Sized({4, 3, 2});
  EXPECT_FALSE(LookAt(permute, in, {}, &turned));

  TensorView wide = Sized({5, 2, 3, 4});
  ASSERT_TRUE(LookAt(Of(Step::Kind::kBroadcast), Sized({2, 1, 4}), {}, &wide));
  for (int64_t e = 0; e < wide.numel(); ++e) {
    const std::vector<int64_t> at = IndexOf(wide, e);
    ASSERT_EQ(PlaceOf(wide, at), PlaceOf(Sized({2, 1, 4}), {at[1], 0, at[3]}));
  }
  for (const TensorView& narrow : {Sized({2, 2, 4}), Sized({1, 1, 1, 1, 1})}) {
    EXPECT_FALSE(LookAt(Of(Step::Kind::kBroadcast), narrow, {}, &wide));
  }
}

}  // namespace
}  // namespace strata::runtime
