#include <gtest/gtest.h>

#include "image/nifti.h"
#include "pictures.h"
#include "render/volume_picture.h"

namespace attune::test {
namespace {

// Of a volume whose axes point to these directions of the body (x to the right, y to the front, z up).
NiftiHeader header_with(const std::array<std::array<float, 3>, 3>& directions) {
  NiftiHeader header;
  nifti::has_affine.set(header, 1);
  for (size_t axis = 0; axis < 3; ++axis) {
    for (size_t row = 0; row < 3; ++row) nifti::affine.set(header, directions[axis][row], 4 * row + axis);
  }
  return header;
}

TEST(VolumeView, TurnsABodyUpright) {
  // As most files lie: to the right, to the front, up.
  const VolumeView view = upright(header_with({{{2, 0, 0}, {0, 2, 0}, {0, 0, 5}}}));
  EXPECT_EQ(view.axes[0].name, "axial");
  EXPECT_EQ(view.axes[0].spacing, 5);
  EXPECT_EQ(view.axes[2].spacing, 2);
  at::Tensor volume = at::zeros({4, 5, 6});
  volume[3][4][5] = 1;  // right, front, top
  const at::Tensor turned = view.turned(volume);
  EXPECT_EQ(turned.sizes(), at::IntArrayRef({6, 5, 4}));
  EXPECT_EQ(turned[0][0][3].item<float>(), 1) << "above, in front, on the right";
}

TEST(VolumeView, FollowsTheFilesAxes) {
  // Up, to the left, to the back, a little tilted.
  const VolumeView view = upright(header_with({{{0.1F, 0, 1}, {-1, 0.2F, 0}, {0, -1, 0.1F}}}));
  at::Tensor volume = at::zeros({4, 5, 6});
  volume[3][0][0] = 1;  // top, right, front
  const at::Tensor turned = view.turned(volume);
  EXPECT_EQ(turned.sizes(), at::IntArrayRef({4, 6, 5}));
  EXPECT_EQ(turned[0][0][4].item<float>(), 1);
  EXPECT_TRUE(view.axes[0].reversed) << "so that the top slice keeps its number, 3";
}

TEST(VolumeView, TakesHeadersThatSayNothing) {
  const at::Tensor volume = at::rand({2, 3, 4});
  EXPECT_EQ(upright(NiftiHeader()).turned(volume).numel(), 24);
  EXPECT_TRUE(at::equal(VolumeView().turned(volume), volume));
}

}  // namespace
}  // namespace attune::test
