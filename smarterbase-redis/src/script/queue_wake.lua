-- KEYS queue, heard
wake_first(KEYS[1], KEYS[2])
