"""What the benchmarks look through: the server and the engine as processes, callers on a native wire, and their logs.

Nothing here knows what is measured. `callers` and `sipp` telephone, `server_process` and `engine_host` are who is
called, `wire_log`, `timelines` and `process_meter` say what came of it.
"""
