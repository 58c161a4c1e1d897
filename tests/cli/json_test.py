"""--json of every command: one object, with the schema that docs/api.md names."""
import json
import unittest

from gridtest import GridTest


class Json(GridTest):
    def test_every_command(self):
        first = self.grid.json("run", "--", "true")
        self.assertEqual(first["schema"], "grid/execution/1")
        for words, schema in {
            ("ps",): "grid/executions/1",
            ("ps", "-a"): "grid/executions/1",
            ("wait", "1"): "grid/execution/1",
            ("run", "-d", "--", "sleep", "1000"): "grid/execution/1",
            ("cancel", "2"): "grid/execution/1",
            ("why", "1"): "grid/why/1",
            ("status",): "grid/snapshot/1",
            ("node", "list"): "grid/nodes/1",
            ("policy", "explain"): "grid/decision/1",
            ("offload", "scan"): "grid/scan/1",
            ("offload", "history"): "grid/history/1",
            ("plugin", "list"): "grid/plugins/1",
            ("plugin", "info", "policy.threshold"): "grid/plugin/1",
            ("config", "check"): "grid/config-check/1",
            ("config", "show"): "grid/config/1",
            ("daemon", "start"): "grid/daemon/1",
            ("daemon", "status"): "grid/daemon/1",
        }.items():
            with self.subTest(words=words):
                done = self.grid.json(*words)
                self.assertEqual(done.get("schema"), schema, done)

    def test_errors_are_objects_too(self):
        done = self.grid.run("wait", "99", "--json")
        error = json.loads(done.stdout or done.stderr)["error"]
        self.assertEqual(done.returncode, 3)
        self.assertEqual(error["code"], "NotFound")
        self.assertLessEqual({"code", "message", "hint", "details"}, error.keys())


if __name__ == "__main__":
    unittest.main()
