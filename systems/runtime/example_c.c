/* The smallest C program around a bundle: says what it takes, runs one row, prints the first output.
 *
 *   example_c BUNDLE */
#include <stdio.h>

#include "systems/runtime/strata.h"

int main(int argc, char** argv) {
  if (argc != 2) {
    fprintf(stderr, "usage: example_c BUNDLE\n");
    return 2;
  }
  StrataModel* model = strata_load(argv[1], 1);
  if (model == NULL) {
    fprintf(stderr, "%s\n", strata_error());
    return 1;
  }
  for (int i = 0; i < strata_num_inputs(model, ""); ++i) {
    StrataArgument argument;
    if (strata_input(model, "", i, &argument) != STRATA_OK) break;
    printf("input %s: dtype %d, [", argument.name, (int)argument.dtype);
    for (int d = 0; d < argument.rank; ++d) printf("%s%lld", d ? ", " : "", (long long)argument.sizes[d]);
    printf("]\n");
  }
  float x[8] = {1, 0, 1, 0, 1, 0, 1, 0};
  const StrataTensor input = {x, STRATA_FLOAT32, 2, {1, 8}};
  StrataTensor output;
  const int status = strata_run(model, "", &input, 1, &output, 1);
  if (status != STRATA_OK) {
    fprintf(stderr, "%s\n", strata_error());
  } else {
    const float* y = output.data;
    for (int64_t i = 0; i < output.sizes[0] * output.sizes[1]; ++i) printf("%s%.9g", i ? " " : "", (double)y[i]);
    printf("\n");
  }
  strata_free(model);
  return status == STRATA_OK ? 0 : 1;
}
