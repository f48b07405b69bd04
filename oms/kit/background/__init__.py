"""Work outside requests: jobs with progress, the queue and its brokers. Start reading at `jobs`."""
