// Direct calls: an operator as a function of Python that runs it without torch's dispatcher, which costs more than all
// else on a small tensor. research/strata/ops/_direct.py makes one for each operator with
//
//   strata_direct_setup(surroundings)     once
//   strata_direct(name, slow, module)     a new reference to a function of the operator's arguments, by position
//
// "_linear_prepared" is linear with a prepared form in front (prepared.h), "_linear_pays" says whether that would gain.
//
// It runs the call itself where that cannot make a difference: plain tensors on the CPU, and none of torch's modes,
// transforms, tracers or profilers at work. For all else, and for a wrong call, it calls `slow` with the same
// arguments. Nobody may want a gradient: the caller has seen to that.
#pragma once
