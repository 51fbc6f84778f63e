// What Renovate itself does for one branch, from the clone to the push; a dry run ends before it.
//   node branch.js RENOVATE '{"repository": …, "folder": …, "baseBranch": …, "branchName": …, "upgrades": […]}'
const [renovate, given] = process.argv.slice(2);
const { repository, folder, ...config } = JSON.parse(given);
const { GlobalConfig } = require(`${renovate}/config/global`);
const { getUpdatedPackageFiles } = require(`${renovate}/workers/repository/update/branch/get-updated`);
const git = require(`${renovate}/util/git`);

async function main() {
  require("fs").mkdirSync(folder);
  GlobalConfig.set({ localDir: folder, binarySource: "global" });
  await git.initRepo({ url: repository });
  git.setGitAuthor("Renovate <renovate@example.com>");
  await git.syncGit();
  const made = await getUpdatedPackageFiles(config);
  if (made.artifactErrors.length) throw new Error(JSON.stringify(made.artifactErrors));
  const files = [...made.updatedPackageFiles, ...made.updatedArtifacts];
  await git.commitFiles({ ...config, files, message: "Update from the template" });
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
