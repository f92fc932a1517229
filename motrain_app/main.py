"""What ``panel serve motrain_app`` runs, anew for every session.

Arguments of ``motrain serve`` follow ``--args``; of these, those about port, browser and address are Panel's:

    panel serve motrain_app --args --runs /data/runs --root /data --host-name twin.example.org

Panel runs the package's ``__init__.py`` a second time under another name, and this file as often as there are sessions.
So nothing is defined here, and names are absolute: classes are those that everybody else imports.
"""

import sys

if __name__ != "motrain_app.main":  # run by Panel, not imported
    from motrain_app.cli import parse
    from motrain_app.ui.deployed import show_session
    from motrain_app.ui.services import Cluster

    try:
        options = parse(["serve", *sys.argv[1:]])
    except SystemExit:  # it has said what is wrong; the server is not ours to end
        raise RuntimeError("The arguments after --args are not those of `motrain serve`.") from None
    show_session(
        options.target,
        runs=options.runs,
        roots=options.root or (),
        cluster=Cluster(options.workers, options.scheduler),
        host_names=options.host_name or (),
    )
