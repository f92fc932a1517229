"""``motrain serve`` as a person starts it and ends it: in a process of its own, with a page of one line."""

import json
import os
import re
import signal
import socket
import sys

import pytest

from motrain_app.cli import main, parse
from motrain_app.design import Design, DesignError
from motrain_app.runs import Run, create_run
from motrain_app.runs.store import RunStore
from motrain_app.ui import server as server_module
from motrain_app.ui.server import bind, has_display
from tests.runs.conftest import make_dataset
from tests.ui.serving import address_of, get, interrupt, motrain, wait_until


@pytest.fixture
def folder(tmp_path):
    """A folder with data and a design for them."""
    make_dataset().to_netcdf(tmp_path / "cells.nc")
    Design(tmp_path / "cells.nc", ["a", "b"], ["y"], regions="cells", test="2014-01-01", learner="ridge").save(
        tmp_path / "design.json"
    )
    return tmp_path


class TestArguments:
    @pytest.mark.parametrize(
        "arguments", [["cells.nc"], ["--port", "0"], [], ["./train"], ["--workers", "2", "x.json"]]
    )
    def test_serve_may_be_left_out(self, arguments):
        assert vars(parse(arguments)) == vars(parse(["serve", *arguments]))

    def test_other_commands_stay_commands(self):
        assert parse(["train", "design.json"]).design.name == "design.json"

    def test_a_folder_with_the_name_of_a_word_is_a_target(self, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        (tmp_path / "demo").mkdir()
        assert parse(["demo"]).target == "demo"

    def test_a_mistyped_command_is_told(self, capsys, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        assert main(["trian", "design.json"]) == 2
        assert "neither a command nor a file 'trian'. Did you mean 'train'?" in capsys.readouterr().err
        with pytest.raises(DesignError, match="Known: serve, sample"):
            parse(["xyz"])

    def test_all_that_can_be_asked_for(self):
        options = parse(["x.nc", "--root", "a", "--root", "b", "--host-name", "n", "--no-browser", "--scheduler", "s"])
        assert [path.name for path in options.root] == ["a", "b"]
        assert (options.host_name, options.no_browser, options.scheduler) == (["n"], True, "s")


@pytest.fixture
def taken():
    """A port of this machine on which another program listens; the one after it is free."""
    while True:
        with socket.create_server(("127.0.0.1", 0)) as other:
            port = other.getsockname()[1]
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port + 1)) == 0 or port + 1 > 65535:
                    continue
            yield port
            return


class TestPort:
    def test_the_usual_one(self, monkeypatch):
        with socket.create_server(("127.0.0.1", 0)) as free:
            monkeypatch.setattr(server_module, "PORT", free.getsockname()[1])
        with bind() as bound:
            assert bound.getsockname() == ("127.0.0.1", server_module.PORT)

    def test_the_next_free_one_where_the_usual_one_is_taken(self, taken, monkeypatch):
        monkeypatch.setattr(server_module, "PORT", taken)
        with bind() as bound:
            address, port = bound.getsockname()
        assert address == "127.0.0.1"
        assert taken < port < taken + server_module.PORTS_TRIED

    def test_any_free_one_where_all_that_are_tried_are_taken(self, taken, monkeypatch):
        monkeypatch.setattr(server_module, "PORT", taken)
        monkeypatch.setattr(server_module, "PORTS_TRIED", 1)
        with bind() as bound:
            assert bound.getsockname()[1] not in (0, taken)

    def test_one_that_was_asked_for_and_is_taken_is_told(self, taken):
        with pytest.raises(OSError, match=r"is taken by another program\. Leave --port out"):
            bind(taken)

    def test_no_socket_stays_open_where_none_can_be_had(self, taken, monkeypatch):
        """Sockets that are left to the collector warn as it finds them; warnings are errors here."""
        opened = []
        monkeypatch.setattr(socket, "socket", type("Socket", (socket.socket,), {"__init__": _noted(opened)}))
        with pytest.raises(OSError, match="is taken"):
            bind(taken)
        assert [one.fileno() for one in opened] == [-1]

    def test_serve_ends_with_2_and_a_sentence_where_its_port_is_taken(self, taken, folder, monkeypatch, capsys):
        monkeypatch.chdir(folder)
        assert main(["cells.nc", "--port", str(taken), "--no-browser"]) == 2
        out, err = capsys.readouterr()
        assert (
            err == f"motrain: Port {taken} is taken by another program. Leave --port out, and a free one is chosen.\n"
        )
        assert out == ""


def _noted(opened):
    """Return an initialiser of sockets that keeps each of them in a list."""
    plain = socket.socket.__init__

    def initialise(self, *arguments, **options):
        plain(self, *arguments, **options)
        opened.append(self)

    return initialise


@pytest.mark.parametrize(
    ("variables", "seen"),
    [
        ({}, False),
        ({"DISPLAY": ":0"}, True),
        ({"WAYLAND_DISPLAY": "w"}, True),
        ({"DISPLAY": ":10", "SSH_CONNECTION": "1 2 3 4"}, False),
    ],
)
def test_a_browser_is_opened_only_where_somebody_sees_it(monkeypatch, variables, seen):
    monkeypatch.setattr("sys.platform", "linux")
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "SSH_CONNECTION"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert has_display() is seen


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["absent.nc"], "absent.nc: There is no such file"),
        (["broken.json"], "cannot be read as a design"),
        (["cells.nc", "--host-name", "*"], "is no host name"),
        (["cells.nc", "--port", "70000"], "There is no port 70000"),
        (["./folder"], "no Zarr store"),
    ],
)
def test_what_cannot_be_served_ends_with_2_and_a_sentence(folder, monkeypatch, capsys, arguments, words):
    monkeypatch.chdir(folder)
    (folder / "broken.json").write_text("{")
    (folder / "folder").mkdir()
    assert main([*arguments, "--no-browser"]) == 2
    out, err = capsys.readouterr()
    assert words in err
    assert all(line.startswith("motrain: ") for line in err.splitlines())
    assert out == ""


@pytest.mark.slow
class TestProcess:
    def test_it_tells_its_address_makes_room_for_a_second_and_ends_by_ctrl_c(self, folder):
        try:
            usual = bind(server_module.PORT)
        except OSError:
            usual = socket.socket()  # another program has it already
        with usual, motrain(folder, "cells.nc") as process, motrain(folder, "cells.nc") as second:
            line = process.stdout.readline()
            found = re.match(r"motrain is at (\S+/)  \(port 5006 is taken; Ctrl-C ends it;", line)
            assert found, line + process.stderr.read()
            url, other = found[1], address_of(second)
            assert len({url, other, f"http://127.0.0.1:{server_module.PORT}/"}) == 3
            assert [get(url)[0], get(other)[0]] == [200, 200]
            assert b"bokeh" in get(url)[2]
            _assert_only_this_machine_is_served(process.pid, _port(url))
            out, err = interrupt(process)
        assert process.returncode == 0
        assert out.strip() == "Ended."
        assert err == ""
        with socket.socket() as probe:
            assert probe.connect_ex(("127.0.0.1", _port(url))) != 0

    def test_what_was_asked_for_is_what_it_does_and_tensorflow_stays_out(self, folder):
        asked = ["design.json", "--runs", "mine", "--root", "stub", "--workers", "3", "--host-name", "twin.example.org"]
        with motrain(folder, *asked, SSH_CONNECTION="1 2 3 4") as process:
            url = address_of(process)
            assert f"ssh -N -L {_port(url)}:127.0.0.1:{_port(url)}" in process.stdout.readline()
            assert get(url, Host="example.org")[0] == 403
            assert get(url, Host="twin.example.org")[0] == 200
            page = page_of(folder, url)
        assert (page["kind"], page["name"], page["runs"], page["workers"]) == ("design", "design.json", "mine", 3)
        assert page["roots"] == ["stub", "design.json", "cells.nc", "mine"]
        assert not page["tensorflow"]

    def test_without_arguments_it_opens_the_sample_with_its_design(self, folder):
        with motrain(folder) as process:
            page = page_of(folder, address_of(process))
        assert (page["kind"], page["name"], page["runs"]) == ("design", "design.json", "runs")
        assert list((folder / "cache").rglob("data.zarr"))
        assert not (folder / "runs").exists()

    def test_a_run_opens_from_its_own_folder(self, folder):
        run = create_run(Design.load(folder / "design.json"), folder / "mine")
        with motrain(folder, run.path) as process:
            page = page_of(folder, address_of(process))
        assert (page["kind"], page["name"], page["runs"]) == ("run", run.path.name, "mine")


@pytest.mark.cluster
@pytest.mark.slow
def test_a_killed_server_leaves_the_run_going_to_its_end(tmp_path):
    """The page's Start, the server killed with its whole group in mid-run, and a second server that sees the end."""
    make_dataset(cells=160, years=8, step=2).to_netcdf(tmp_path / "cells.nc")
    Design(tmp_path / "cells.nc", ["a", "b"], ["y", "bend"], regions="cells", test="2017-01-01", learner="ridge2").save(
        tmp_path / "design.json"
    )
    with motrain(tmp_path, "design.json", "--workers", "1", START="yes") as server:
        assert page_of(tmp_path, address_of(server))["kind"] == "design"
        run = wait_until(lambda: next((tmp_path / "runs").glob("2*/run.sqlite"), None)).parent

        def done():
            with RunStore(run / "run.sqlite") as store:
                return store.counts().get("done", 0)

        wait_until(lambda: done() >= 5)
        os.killpg(server.pid, signal.SIGKILL)
        server.wait()
        at_the_blow = done()
    assert 5 <= at_the_blow < 160, "the blow must fall in mid-run"
    assert Run.open(run).state == "running"
    with motrain(tmp_path, run) as again:
        url = address_of(again)
        assert page_of(tmp_path, url)["states"] in (["running"], ["done"])
        wait_until(lambda: Run.open(run).state == "done")
        wait_until(lambda: page_of(tmp_path, url)["states"] == ["done"])  # its driver ends a moment later
    assert Run.open(run).counts == {"done": 160}


def _port(url):
    return int(url.rstrip("/").rpartition(":")[2])


def _assert_only_this_machine_is_served(pid, port):
    """Read what a process listens at, where the system tells."""
    if not sys.platform.startswith("linux"):
        return
    with open(f"/proc/{pid}/net/tcp") as table:
        listening = [line.split()[1] for line in table if line.split()[1].endswith(f":{port:04X}")]
    assert "0100007F" in {address.split(":")[0] for address in listening}
    assert "00000000" not in {address.split(":")[0] for address in listening}


def page_of(folder, url):
    """Open a session, and return what its page knows."""
    assert get(url)[0] == 200
    return json.loads((folder / "page.json").read_text())
