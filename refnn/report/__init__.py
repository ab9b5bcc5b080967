"""Reports of gradient checks that can be cited and rechecked: made, written, drawn, read and replayed.

report, check = make.report_on(gradient, "my_module:gradient")
folder.write(report, Path("report"))
ledger = replay.replay(read.load("report/report.json"))
print(ledger)                                                     CONFIRMED, DIFFERS or CANNOT REPLAY
"""
