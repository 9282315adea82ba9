"""The yardstick: labelled questions, and a grader of records that imports nothing of `sovereign`."""
