"""``eegseek bench fuzz``: valid files and messages, damaged at random; nothing but our own errors may come out."""
