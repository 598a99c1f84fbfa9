// make_model FILE: a small TorchScript classifier to try an installation with.

#include "models.h"

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  attune::test::small_model().save(argv[1]);
}
