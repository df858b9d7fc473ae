"""What a good tutorial builds: a row and a task for each record. It stands here to be measured against."""
