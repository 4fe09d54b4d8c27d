// Starts `mlinfra lsp` for the specs that are open.

const { workspace } = require("vscode");
const { LanguageClient } = require("vscode-languageclient/node");

let client;

function activate() {
  const command = workspace.getConfiguration("mlinfra").get("command", "mlinfra");
  const server = { command, args: ["lsp"] };
  const options = { documentSelector: [{ language: "mlinfra" }] };
  client = new LanguageClient("mlinfra", "mlinfra", server, options);
  return client.start();
}

function deactivate() {
  return client ? client.stop() : undefined;
}

module.exports = { activate, deactivate };
