// core/ stands on nothing: the layering check has to refuse this include.
#include "runtime/executor.h"
