// All that may be returned, compared: by codes where they lead, and then what is in doubt by what is held of it.
#pragma once

#include <vector>

#include "nearfield/types.h"
#include "walk/answer.h"
#include "walk/metric.h"
#include "walk/reading.h"

namespace nearfield {

// The nearest of the slots that may be returned: those in `list`, or where it is null those that ReturnableSlots gives.
WalkResult scan_returnable(const Metric& metric, const Reading& reading, Turn& turn, const std::vector<Slot>* list);

}  // namespace nearfield
