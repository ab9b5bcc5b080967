"""Reports of gradient checks that can be cited and rechecked: built, drawn, written, read and replayed.

report, check = build.report_on(gradient, "my_module:gradient")
write.write(report, Path("report"))
ledger = replay.replay(load.load("report/report.json"))
print(ledger)                                                     CONFIRMED, DIFFERS or CANNOT REPLAY
"""
