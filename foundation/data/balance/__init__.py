"""Balance: who computes what in each step, so that no rank waits for another and every data set keeps its share."""
