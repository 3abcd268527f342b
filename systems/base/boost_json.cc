// Boost.JSON is header-only in Strata: this is the one file that carries its code.
#include <boost/json/src.hpp>
