(function () {
  var root = document.documentElement, store = null;
  try { store = window.localStorage; } catch (e) { store = null; }
  function kept(name) { try { return store && store.getItem(name); } catch (e) { return null; } }
  function keep(name, value) { try { if (store) store.setItem(name, value); } catch (e) { store = null; } }
  root.classList.add("js");
  if (kept("theme")) root.dataset.theme = kept("theme");
  function dark() {
    return root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  }
  document.querySelectorAll("button[data-do]").forEach(function (button) {
    button.hidden = false;
    button.addEventListener("click", function () {
      if (button.dataset.do === "theme") {
        root.dataset.theme = dark() ? "light" : "dark";
        keep("theme", root.dataset.theme);
        return;
      }
      var open = button.getAttribute("aria-pressed") !== "true";
      button.setAttribute("aria-pressed", String(open));
      button.textContent = open ? "Hide code" : "Show code";
      root.classList.toggle("coded", open);
      document.querySelectorAll("details.code").forEach(function (d) { d.open = open; });
    });
  });
  var contents = document.querySelector(".contents details");
  if (contents && matchMedia("(max-width: 1000px)").matches) contents.open = false;
  var filter = document.querySelector("input[data-filter]");
  if (filter) filter.addEventListener("input", function () {
    var word = filter.value.trim().toLowerCase(), cards = document.querySelectorAll(".card"), shown = 0;
    cards.forEach(function (card) {
      card.hidden = word !== "" && card.textContent.toLowerCase().indexOf(word) < 0;
      shown += !card.hidden;
    });
    document.querySelector("[data-none]").textContent = word ? shown + " of " + cards.length + " reports" : "";
  });
})();
