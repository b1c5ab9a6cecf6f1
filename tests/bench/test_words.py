from mediasrv.bench.words import Plan, run


async def test_every_figure_is_measured() -> None:
    report = await run(Plan(1))
    assert all(report[name] for name in ("clean_ms", "shape_line_ms", "stages_reply_ms"))
