// Starts `dlspec lsp` for the specs that are open, and says how to install it where it is not found.

import { ExtensionContext, commands, env, window, workspace } from "vscode";
import { LanguageClient, LanguageClientOptions, ServerOptions, TransportKind } from "vscode-languageclient/node";

let client: LanguageClient | undefined;

export async function activate(context: ExtensionContext): Promise<void> {
  context.subscriptions.push(
    commands.registerCommand("dlspec.restart", restart),
    workspace.onDidChangeConfiguration((event) => {
      if (event.affectsConfiguration("dlspec.command")) {
        void restart();
      }
    }),
  );
  await start();
}

export async function deactivate(): Promise<void> {
  await client?.stop();
}

async function restart(): Promise<void> {
  const running = client;
  client = undefined;
  await running?.dispose();
  await start();
}

async function start(): Promise<void> {
  const [command, ...args] = workspace.getConfiguration("dlspec").get<string[]>("command", ["dlspec", "lsp"]);
  client = new LanguageClient("dlspec", "dlspec", server(command, args), options());
  try {
    await client.start();
  } catch (error) {
    await told(command, error);
  }
}

function server(command: string, args: string[]): ServerOptions {
  const cwd = workspace.workspaceFolders?.[0]?.uri.fsPath;
  return { command, args, transport: TransportKind.stdio, options: { cwd } };
}

function options(): LanguageClientOptions {
  const patterns = ["**/*.dls", "**/*.dlspec.yaml", "**/*.dlspec.yml"];
  return {
    documentSelector: [
      { language: "dlspec" },
      { language: "dlspec-yaml" },
      ...patterns.map((pattern) => ({ scheme: "file", pattern })),
    ],
    synchronize: { fileEvents: patterns.map((pattern) => workspace.createFileSystemWatcher(pattern)) },
  };
}

async function told(command: string, error: unknown): Promise<void> {
  const install = "Copy the command that installs it";
  const settings = "Open settings";
  const chosen = await window.showErrorMessage(
    `dlspec: \`${command}\` could not be started (${error instanceof Error ? error.message : String(error)}). ` +
      "It comes with pip install 'dlspec[lsp]'; where it lies in a virtual environment, set dlspec.command.",
    install,
    settings,
  );
  if (chosen === install) {
    await env.clipboard.writeText("pip install 'dlspec[lsp]'");
  } else if (chosen === settings) {
    await commands.executeCommand("workbench.action.openSettings", "dlspec.command");
  }
}

