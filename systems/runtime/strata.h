/* Strata's runtime for C, and for every language that calls C: load a bundle, look at its entry points, run it.
 * libstrata.so exports these functions and nothing else. C++ programs use runtime.h.
 *
 *   StrataModel* model = strata_load("models/minilm", 1);         // validates, and replays the golden
 *   if (!model) { puts(strata_error()); return 1; }
 *   int64_t ids[3] = {101, 7592, 102};
 *   StrataTensor in[2] = {{ids, STRATA_INT64, 1, {3}}, {NULL, 0, -1, {0}}};   // the second one is left out
 *   StrataTensor out[1];
 *   if (strata_run(model, "", in, 2, out, 1)) { puts(strata_error()); return 1; }
 *   const float* vector = out[0].data;                            // until the next run of this model
 *   strata_free(model);
 *
 * A model runs one call at a time; strata_clone gives another that shares the weights, for another thread. Every
 * function may be called from any thread. An entry point of "" (or NULL) is the bundle's default one. Texts are UTF-8.
 */
#ifndef STRATA_H_
#define STRATA_H_

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define STRATA_MAX_RANK 8

typedef struct StrataModel StrataModel;

enum StrataDType {
  STRATA_FLOAT32 = 0,
  STRATA_BFLOAT16 = 1,
  STRATA_FLOAT64 = 2,
  STRATA_INT32 = 3,
  STRATA_INT64 = 4,
  STRATA_UINT8 = 5,
  STRATA_BOOL = 6, /* one byte, 0 or 1 */
  STRATA_FLOAT16 = 7,
  STRATA_INT8 = 8
};

/* What functions return; strata_error() has the sentence. */
enum StrataStatus {
  STRATA_OK = 0,
  STRATA_INVALID_ARGUMENT = 3, /* the bundle or an input is not what it must be */
  STRATA_NOT_FOUND = 5,        /* no such file, entry point, input or output */
  STRATA_RESOURCE_EXHAUSTED = 8,
  STRATA_UNIMPLEMENTED = 12,
  STRATA_INTERNAL = 13,
  STRATA_DATA_LOSS = 15 /* the golden does not come out as it was */
};

/* Contiguous elements, aligned to their size. A rank of -1: an optional input that is left out. */
typedef struct StrataTensor {
  void* data;
  int32_t dtype; /* StrataDType */
  int32_t rank;
  int64_t sizes[STRATA_MAX_RANK];
} StrataTensor;

/* What an entry point takes or gives. */
typedef struct StrataArgument {
  const char* name; /* as long as the model lives */
  int32_t dtype;
  int32_t rank;
  int64_t sizes[STRATA_MAX_RANK]; /* -1: depends on the call */
} StrataArgument;

/* NULL where the bundle is refused. `threads` compute; 0: one for each processor, at most 1024. */
StrataModel* strata_load(const char* bundle, int threads);
StrataModel* strata_clone(const StrataModel* model);
void strata_free(StrataModel* model); /* NULL is fine */

/* How many there are, or -1: no such entry point. */
int strata_num_inputs(const StrataModel* model, const char* entry_point);
int strata_num_outputs(const StrataModel* model, const char* entry_point);
/* A StrataStatus. */
int strata_input(const StrataModel* model, const char* entry_point, int index, StrataArgument* out);
int strata_output(const StrataModel* model, const char* entry_point, int index, StrataArgument* out);

/* Runs; a StrataStatus. Inputs in their order, only read. Outputs, as many as there are, are filled in: their memory is
 * the model's, until its next run or its end. */
int strata_run(StrataModel* model, const char* entry_point, const StrataTensor* inputs, int num_inputs,
               StrataTensor* outputs, int num_outputs);

/* What went wrong last in this thread, one sentence; "" at first. Valid until this thread's next call. */
const char* strata_error(void);

#ifdef __cplusplus
}
#endif

#endif /* STRATA_H_ */
