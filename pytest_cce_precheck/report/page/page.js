for (const button of document.querySelectorAll("button.copy")) {
  if (!navigator.clipboard && !document.execCommand) continue;
  button.hidden = false;
  const label = button.innerHTML;
  button.addEventListener("click", async () => {
    const code = button.parentElement.querySelector("code");
    try {
      await navigator.clipboard.writeText(code.textContent);
    } catch {
      getSelection().selectAllChildren(code);
      document.execCommand("copy");
    }
    button.textContent = "✓";
    setTimeout(() => { button.innerHTML = label; }, 1500);
  });
}
for (const radio of document.querySelectorAll("input[name=language]")) {
  radio.addEventListener("change", () => { document.documentElement.lang = radio.id === "in-zh" ? "zh-CN" : "en"; });
}
const filter = document.querySelector("#filter");
if (filter) {
  filter.closest("p").hidden = false;
  const rows = [...document.querySelectorAll("#findings tbody tr")];
  filter.addEventListener("input", () => {
    const wanted = filter.value.toLowerCase();
    for (const row of rows) row.hidden = !row.textContent.toLowerCase().includes(wanted);
  });
}
